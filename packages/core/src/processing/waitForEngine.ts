import { metrics } from "@opentelemetry/api";
import { classifyError } from "../errors/eventSourcingError.js";
import { telemetryNames } from "../telemetry/names.js";
import type { EngineAvailability } from "./engineAvailability.js";
import type { ProjectionRun } from "./projectionQueue.js";

/**
 * A run that does not use up the queue's attempts while the engine is away: after a transient failure it waits until the
 * engine is well, and runs again. It fails like any other run when it fails transiently twice in a row although the engine
 * is well, for then it is not the engine alone: an aggregate that is too much for it must not hold its place for ever.
 *
 * Rejects with the reason of the run's signal if that aborts while it waits.
 */
export function waitForEngine(run: ProjectionRun, availability: EngineAvailability): ProjectionRun {
  const waiting = metrics.getMeter("@es/core").createUpDownCounter(telemetryNames.metrics.waitingRuns, {
    unit: "{run}",
    description: "Runs that wait for the engine to be well",
  });
  return async (ref, context) => {
    for (let failedWhileWell = 0; ; ) {
      try {
        return await run(ref, context);
      } catch (error) {
        if (classifyError(error) !== "transient") throw error;
        waiting.add(1);
        const { wasAway } = await availability.untilAvailable(context.signal).finally(() => waiting.add(-1));
        failedWhileWell = wasAway ? 0 : failedWhileWell + 1;
        if (failedWhileWell > 1) throw error;
      }
    }
  };
}
