import { defaultKeptFolds } from "@es/core";
import {
  clickhouseVariables,
  type Environment,
  queueName,
  queueVariables,
  readEnvironment,
  variable,
} from "@es/host";
import { operationsTokenVariable } from "@es/operations";
import { traceProjectionVariables } from "@es/trace-wiring";
import { z } from "zod";

/** What a worker itself needs, whatever engines it is wired to. */
export const workerVariables = {
  /** How often to look for traces whose projection lags behind their spans; 0 looks once, at start. */
  RECONCILE_INTERVAL_MS: variable.milliseconds(30_000),
  /** How often a look covers all that is stored, not only what was accepted lately. The first always does. */
  RECONCILE_EVERYTHING_INTERVAL_MS: variable.milliseconds(3_600_000),
  /** What lags for less is taken as being processed. */
  RECONCILE_GRACE_MS: variable.milliseconds(5_000),
  /**
   * Traces rebuilt at once: twice as many as one read of the store serves, so that some are read while others are folded
   * and written. Their number bounds no memory, the store's reads do. The library's own default is three quarters of the cores.
   */
  WORKER_CONCURRENCY: variable.count(1_000),
  /** What is kept of large traces between rebuilds, so that only their new spans are read. */
  KEPT_FOLDS_BYTES: variable.bytes(defaultKeptFolds.maxBytes),
  /** Sessions rebuilt at once. */
  SESSION_CONCURRENCY: variable.count(200),
  /** Sessions that were told something are rebuilt at the same moments, one every so many milliseconds. */
  SESSION_DELAY_MS: variable.milliseconds(300),
  /** Traces rebuilt at once by a replay. */
  REPLAY_CONCURRENCY: variable.count(32),
  WORKER_HOST: variable.text("127.0.0.1"),
  /** `/healthz`, `/readyz` and `/operations`. */
  WORKER_PORT: variable.port(4319),
  /** What a request to `/operations` shows; without it they are for programs of this machine. */
  OPERATIONS_TOKEN: operationsTokenVariable,
  ...traceProjectionVariables,
};

const workerApp = z.object({
  ...workerVariables,
  ...clickhouseVariables,
  ...queueVariables,
  /** The queue of sessions, of workers only. */
  SESSION_QUEUE_NAME: queueName("session-projections"),
  /** Runs started per second over all workers of the queue; 0 sets no limit. The library's own default is 10. */
  WORKER_RATE_LIMIT: variable.count(0, 0),
  /** How long a worker that died, or whose event loop is stuck, keeps a run to itself. Renewed while it lives. */
  WORKER_LOCK_MS: variable.count(30_000, 1_000),
  /** How often runs of dead workers are looked for. */
  WORKER_STALLED_INTERVAL_MS: variable.count(30_000, 1_000),
});

const worker = z.object(workerVariables);

export type WorkerConfig = z.output<typeof worker>;
export type WorkerAppConfig = z.output<typeof workerApp>;

export function readWorkerAppConfig(environment: Environment): WorkerAppConfig {
  return readEnvironment(workerApp, environment);
}
