import { EventSourcingError, isEventSourcingError } from "@es/core";

/** Gets connection losses and failures that no caller waits for. */
export type ErrorListener = (error: Error) => void;

interface State {
  readonly reply: RegExp;
  /** Whether it ends without anybody changing a setting, a right or an address. */
  readonly passes: boolean;
  /** What is wrong, and what to do. */
  readonly text: string;
}

const forbids =
  /\bNOPERM\b|can't run this command|can't access at least one of the keys|ACL failure in script/;

/** A state of Redis by the reply that tells it. The first that fits counts. */
const states: readonly State[] = [
  {
    reply: forbids,
    passes: false,
    text: "Redis forbids this user something the queue needs. Grant it with ACL SETUSER; the README of @es/queue-bullmq has the whole line",
  },
  {
    reply: /^(WRONGPASS|NOAUTH)\b|invalid password/,
    passes: false,
    text: "Redis refuses the user or password. Correct them in REDIS_URL",
  },
  {
    reply: /^(MOVED|ASK)\b/,
    passes: false,
    text: "REDIS_URL names a node of a Redis Cluster: name a Redis without cluster mode, or give the queue a function that makes a Cluster client",
  },
  {
    reply: /^(CLUSTERDOWN|TRYAGAIN)\b/,
    passes: true,
    text: "The Redis Cluster does not serve these keys now. The queue goes on by itself once it does",
  },
  {
    reply: /^READONLY\b/,
    passes: true,
    text: "Redis is a replica and takes no writes. After a failover the queue connects anew and goes on by itself; if this stays, REDIS_URL names a replica: name the primary",
  },
  {
    reply: /^MASTERDOWN\b/,
    passes: true,
    text: "Redis is a replica that lost its primary. The queue goes on by itself after a failover; if this stays, REDIS_URL names a replica: name the primary",
  },
  {
    reply: /^UNBLOCKED\b/,
    passes: true,
    text: "Redis became a replica. The queue connects anew and goes on by itself after the failover",
  },
  {
    reply: /^OOM\b/,
    passes: true,
    text: "Redis has reached its maxmemory and takes no writes. Raise maxmemory or free memory; the queue goes on by itself then",
  },
  {
    reply: /^MISCONF\b/,
    passes: true,
    text: "Redis cannot save to its disk and takes no writes. Mend what its log says of the disk; the queue goes on by itself then",
  },
  {
    reply: /^(NOREPLICAS|NOGOODSLAVE)\b/,
    passes: true,
    text: "Redis has too few replicas to take writes. The queue goes on by itself once they are back",
  },
  {
    reply: /^LOADING\b/,
    passes: true,
    text: "Redis is loading its data. The queue goes on by itself once it is loaded",
  },
  {
    reply: /^(BUSY|UNKILLABLE)\b/,
    passes: true,
    text: "Redis is busy with a script. The queue goes on by itself once it ends",
  },
  {
    reply: /^DENIED\b/,
    passes: false,
    text: "Redis takes no clients from other machines in protected mode. Give it a password or bind it, and see its reply",
  },
  {
    reply: /^ERR max number of clients/,
    passes: true,
    text: "Redis has as many clients as its maxclients allows. Raise maxclients or close others; the queue goes on by itself then",
  },
];

/** Not replies: what TLS and the parser say where one side speaks TLS and the other does not. */
const tlsOnPlainPort = /wrong version number|packet length too long|tlsv1 alert|SSL routines/i;
const plainOnTlsPort = /Protocol error, got/;
/** That of the client, without an address: connected or not, the other side says nothing. Redis waits for more of what TLS sends. */
const handshake = /^connect ETIMEDOUT$/;

/** Replies of a server that is no longer the primary, on a connection that outlived a failover: a new one may reach it. */
const needsNewConnection = /^(READONLY|MASTERDOWN|UNBLOCKED)\b/;

/** `QUEUE_REJECTED` for what somebody has to mend, `QUEUE_UNAVAILABLE` for what may pass. */
export function asQueueError(error: unknown): EventSourcingError {
  if (isEventSourcingError(error)) return error;
  const reason = reasonOf(error);
  if (!isReply(error)) return unavailable(reason, error);
  const state = states.find(({ reply }) => reply.test(reason));
  if (state === undefined) return rejected(`Redis refused a command of the queue: ${reason}`, error);
  const message = `${state.text}: ${reason}`;
  return state.passes
    ? new EventSourcingError("QUEUE_UNAVAILABLE", message, { cause: error })
    : rejected(message, error);
}

/** Several addresses that were tried in vain make an error with a code and without words. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.trim() || ("code" in error ? String(error.code) : error.name);
}

export function unavailable(reason: string, cause?: unknown): EventSourcingError {
  if (tlsOnPlainPort.test(reason)) {
    return rejected(
      `Redis does not speak TLS on this port. Use redis:// in REDIS_URL, or the port for TLS: ${reason}`,
      cause,
    );
  }
  if (plainOnTlsPort.test(reason)) {
    return rejected(
      `What listens at REDIS_URL does not answer as Redis does. If it speaks TLS, use rediss://: ${reason}`,
      cause,
    );
  }
  const hint = handshake.test(reason)
    ? " Where REDIS_URL begins with rediss://, its port may be one without TLS."
    : "";
  return new EventSourcingError(
    "QUEUE_UNAVAILABLE",
    `Redis cannot be reached: ${reason}.${hint} The queue recovers by itself once it can.`,
    { cause },
  );
}

/** The user may not run these commands. */
export function forbidden(commands: readonly string[], subject = "the queue"): EventSourcingError {
  const rights = commands.map((command) => `+${command}`).join(" ");
  return rejected(
    `Redis forbids this user commands that ${subject} needs: ${commands.join(", ")}. Grant them: ACL SETUSER <user> ${rights}. The README of @es/queue-bullmq has the whole line`,
  );
}

/** Whether the server behind this connection may no longer be the one to ask. */
export function asksForNewConnection(error: Error): boolean {
  return needsNewConnection.test(error.message);
}

/** What a connection says of why Redis is down: a reason that Redis gave counts more than that it hung up after it. */
export function whyDown(before: Error | null, now: Error): Error {
  return before !== null && isReply(before) && isHangUp(now) ? before : now;
}

/** Redis, or what stands before it, ended the connection without a reason. */
export function isHangUp(error: Error): boolean {
  return /\b(EPIPE|ECONNRESET)\b|\bclosed\b/i.test(error.message);
}

/** Redis forbade a command: one in a script ended it after those before it were done. */
export function isForbidden(error: Error): boolean {
  return forbids.test(error.message);
}

/** An answer of Redis, not a failure to get one. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function rejected(message: string, cause?: unknown): EventSourcingError {
  return new EventSourcingError("QUEUE_REJECTED", message, { cause });
}
