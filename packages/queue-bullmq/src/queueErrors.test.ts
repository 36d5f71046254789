import { EventSourcingError } from "@es/core";
import { describe, expect, it } from "vitest";
import { asQueueError } from "./queueErrors.js";

const reply = (message: string) => Object.assign(new Error(message), { name: "ReplyError" });

describe("asQueueError", () => {
  it.each([
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOREPLICAS Not enough good replicas to write.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "ERR max number of clients reached",
  ])("takes the reply %j as passing", (message) => {
    expect(asQueueError(reply(message))).toMatchObject({ code: "QUEUE_UNAVAILABLE", retryable: true });
  });

  it.each([
    "WRONGPASS invalid username-password pair or user is disabled.",
    // Nothing but another address or a client for clusters helps.
    "MOVED 3999 127.0.0.1:6381",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'set' command",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "ERR unknown command 'FOO'",
    "OOMAGE is not a reply we know",
  ])("takes the reply %j as refused", (message) => {
    expect(asQueueError(reply(message))).toMatchObject({ code: "QUEUE_REJECTED", retryable: false });
  });

  it.each([
    "connect ECONNREFUSED 127.0.0.1:6379",
    "Connection is closed.",
    "Command timed out",
    "read ECONNRESET",
  ])("takes %j as unavailable", (message) => {
    expect(asQueueError(new Error(message)).code).toBe("QUEUE_UNAVAILABLE");
  });

  it("leaves an error of the family as it is", () => {
    const error = new EventSourcingError("CLOSED", "The queue is closed.");
    expect(asQueueError(error)).toBe(error);
  });
});
