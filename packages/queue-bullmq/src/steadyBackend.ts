import { setTimeout as sleep } from "node:timers/promises";
import type { BackendFactory, RedisQueueBackend } from "bullmq";
import { createFetchingBackend } from "./jobsAhead.js";
import { isReply } from "./queueErrors.js";
import type { RedisGate } from "./redisGate.js";

export interface SteadyBackendOptions {
  /** How many jobs may be fetched at once. */
  readonly places: () => number;
  readonly gate: RedisGate;
  /** Aborts when the worker closes: nobody waits for Redis any more. */
  readonly closing: AbortSignal;
  /** How long what became of a run is told again, milliseconds: for as long as its lock lasts. */
  readonly lockDurationMs: number;
  readonly onError: (error: Error) => void;
  /** The connection that waits for jobs is lost, or is there again. */
  readonly onWaitingLost: (error: Error | null) => void;
}

/** Scripts that say what became of a run. */
const outcomes: ReadonlySet<string> = new Set([
  "moveToFinished",
  "moveToDelayed",
  "retryJob",
  "moveJobFromActiveToWait",
  "updateData",
]);

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * The fetching backend for a worker on a Redis that may refuse. BullMQ's worker goes on at once when Redis refuses a
 * command, a million times in some seconds. Here everything waits at the gate while Redis is not well, a command that fails although
 * it is pauses longer each time, and what became of a run is told again while its lock lasts.
 */
export function createSteadyBackend(options: SteadyBackendOptions): BackendFactory<RedisQueueBackend> {
  const { gate, closing, lockDurationMs, onError } = options;
  return (name, queueOptions, connections) => {
    const backend = createFetchingBackend(options.places)(name, queueOptions, connections);
    blocksExactly(backend);
    const { blockingConnection } = backend;
    blockingConnection?.on("error", (error: Error) => options.onWaitingLost(error));
    blockingConnection?.on("ready", () => options.onWaitingLost(null));
    const fetch = backend.moveToActive.bind(backend);
    const wait = backend.waitForJob.bind(backend);
    const moveStalled = backend.moveStalledJobsToWait.bind(backend);
    const execute = backend.execCommand.bind(backend);
    const fetching = new Pauses(closing);
    const waiting = new Pauses(closing);

    backend.moveToActive = async (token, workerName) => {
      await gate.untilOpen(closing);
      try {
        const fetched = await fetch(token, workerName);
        fetching.end();
        return fetched;
      } catch (error) {
        gate.noteFailure(error);
        await fetching.pause();
        throw error;
      }
    };
    backend.waitForJob = async (timeout) => {
      await gate.untilOpen(closing);
      try {
        const found = await wait(timeout);
        waiting.end();
        return found;
      } catch (error) {
        // BullMQ connects anew after a lost connection. What is refused counts as time that is over: the worker looks for
        // jobs then.
        if (closing.aborted || !isReply(error)) throw error;
        gate.noteFailure(error);
        onError(error);
        await waiting.pause();
        return null;
      }
    };
    backend.moveStalledJobsToWait = async () => {
      await gate.untilOpen(closing);
      return moveStalled();
    };
    backend.execCommand = async (client, command, values) => {
      if (!outcomes.has(command)) return execute(client, command, values);
      const until = performance.now() + lockDurationMs;
      for (const pauses = new Pauses(closing); ; ) {
        try {
          return await execute(client, command, values);
        } catch (error) {
          if (closing.aborted || !isReply(error) || performance.now() > until) throw error;
          gate.noteFailure(error);
          onError(error);
          await pauses.pause();
          await gate.untilOpen(closing);
        }
      }
    };
    return backend;
  };
}

/** Pauses that grow while one kind of command fails again and again. They end at once when the worker closes. */
class Pauses {
  readonly #closing: AbortSignal;
  #next = FIRST_PAUSE_MS;

  constructor(closing: AbortSignal) {
    this.#closing = closing;
  }

  async pause(): Promise<void> {
    const ms = this.#next;
    this.#next = Math.min(2 * ms, LONGEST_PAUSE_MS);
    await sleep(ms, undefined, { signal: this.#closing }).catch(() => undefined);
  }

  end(): void {
    this.#next = FIRST_PAUSE_MS;
  }
}

/**
 * Without its check of the version, which needs a right that a user may not have, BullMQ takes Redis for too old to block
 * for parts of a second. All versions this package works with can.
 */
function blocksExactly(backend: RedisQueueBackend): void {
  const capabilities = { canDoubleTimeout: true, canBlockFor1Ms: false };
  for (const connection of [backend.connection, backend.blockingConnection]) {
    if (connection === undefined) continue;
    Object.defineProperty(connection, "capabilities", { get: () => capabilities, set: () => undefined });
  }
}
