import { describe, expect, it } from "vitest";
import type { Event } from "../events/event.js";
import { assertEvent } from "./assertEvent.js";

const good: Event = {
  id: "e1",
  aggregateId: "a1",
  type: "opened",
  occurredAt: 0n,
  acceptedAt: 1n,
  data: null,
};

describe("assertEvent", () => {
  it("accepts the ends of every range", () => {
    const max = 2n ** 64n - 1n;
    expect(() => assertEvent({ ...good, occurredAt: max, acceptedAt: max })).not.toThrow();
    expect(() => assertEvent({ ...good, id: "x".repeat(16_384) })).not.toThrow();
  });

  it.each([
    ["an empty id", { id: "" }, "INVALID_EVENT", "id must not be empty"],
    ["a long id", { id: "x".repeat(16_385) }, "INVALID_EVENT", "16385 characters"],
    ["a lone surrogate", { id: "\ud800" }, "INVALID_EVENT", "lone surrogate"],
    ["an empty type", { type: "" }, "INVALID_EVENT", "type must not be empty"],
    ["a time before 1970", { occurredAt: -1n }, "INVALID_EVENT", "occurredAt is outside"],
    ["a time too far away", { acceptedAt: 2n ** 64n }, "INVALID_EVENT", "acceptedAt is outside"],
    ["a time in milliseconds", { acceptedAt: 5 as unknown as bigint }, "INVALID_EVENT", "must be a bigint"],
    ["no aggregate", { aggregateId: "" }, "INVALID_AGGREGATE_ID", "must not be empty"],
  ])("refuses %s", (_, change, code, message) => {
    expect(() => assertEvent({ ...good, ...change })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});
