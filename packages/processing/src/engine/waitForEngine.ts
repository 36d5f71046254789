import { classifyError } from "@es/core";
import { telemetryNames } from "@es/core/adapter";
import { metrics } from "@opentelemetry/api";
import type { ProjectionRun } from "../queue/projectionQueue.js";
import type { EngineAvailability } from "./engineAvailability.js";

export interface WaitForEngineOptions {
  /** Ends the wait of every run: the worker closes, and an engine that is away may stay away. */
  readonly signal?: AbortSignal;
}

/**
 * A run that does not use up the queue's attempts while the engine cannot do its work: after a failure that may be the
 * engine's it asks whether the engine is well. If it was not, the run waits until it is, and runs again. If it was, it runs
 * once more: the engine may have recovered between the failure and the question. What fails twice in a row while the engine is
 * well is not the engine's fault alone, and an aggregate that is too much for it must not hold its place for ever. A poison
 * failure is the aggregate's own, so nothing is asked.
 *
 * Rejects with the reason of the run's signal, or of the signal in the options, if that aborts while it waits.
 */
export function waitForEngine(
  run: ProjectionRun,
  availability: EngineAvailability,
  options: WaitForEngineOptions = {},
): ProjectionRun {
  const waiting = metrics.getMeter("@es/core").createUpDownCounter(telemetryNames.metrics.waitingRuns, {
    unit: "{run}",
    description: "Runs that wait for the engine to be well",
  });
  const { signal } = options;
  return async (ref, context) => {
    for (let failedWhileWell = 0; ; ) {
      try {
        return await run(ref, context);
      } catch (error) {
        // A refused user or a missing right is no transient error, but as little this aggregate's fault.
        if (classifyError(error) === "poison") throw error;
        waiting.add(1);
        const until = signal === undefined ? context.signal : AbortSignal.any([context.signal, signal]);
        const { wasAway } = await availability.untilAvailable(until).finally(() => waiting.add(-1));
        failedWhileWell = wasAway ? 0 : failedWhileWell + 1;
        if (failedWhileWell > 1) throw error;
      }
    }
  };
}
