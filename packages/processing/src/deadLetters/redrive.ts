import { EventSourcingError } from "@es/core";
import { Pace } from "../pace/pace.js";
import type { DeadLetter, RedriveOptions } from "./deadLetters.js";

const MAX_STEP = 100;

/**
 * The steps of a redrive, the same for every queue: takes selected ids page by page, in steps as small as the rate needs.
 *
 * @param redriveSome schedules and removes the letters that still exist, and gives them
 * @throws EventSourcingError `ABORTED`, `INVALID_OPTIONS`
 */
export async function redriveInSteps(
  selected: AsyncIterable<readonly string[]> | Iterable<readonly string[]>,
  { ratePerSecond, signal, onProgress }: RedriveOptions,
  redriveSome: (ids: readonly string[]) => Promise<readonly DeadLetter[]>,
): Promise<number> {
  const pace = ratePerSecond === undefined ? null : new Pace(ratePerSecond);
  let redriven = 0;
  for await (const ids of selected) {
    const step = Math.min(pace?.step ?? MAX_STEP, MAX_STEP);
    for (let from = 0; from < ids.length; from += step) {
      const some = ids.slice(from, from + step);
      await pace?.next(some.length, signal);
      if (signal?.aborted === true) {
        throw new EventSourcingError("ABORTED", `The redrive was stopped after ${redriven} dead letters.`, {
          cause: signal.reason,
          fields: { redriven },
        });
      }
      const letters = await redriveSome(some);
      redriven += letters.length;
      if (letters.length > 0) await onProgress?.({ redriven, letters });
    }
  }
  return redriven;
}
