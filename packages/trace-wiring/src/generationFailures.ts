import type { AggregateRef } from "@es/core";
import type { Logger } from "@es/host";

/** Told that a generation could not be made of an aggregate. */
export type GenerationFailureListener = (error: unknown, generation: number, ref: AggregateRef) => void;

const FAILURES_EVERY_MS = 10_000;

/** A handler that refuses everything must not fill the log: the first failure now and then, and how many there were. */
export function generationFailures(
  logger: Pick<Logger, "warn">,
  kind: "trace" | "session",
): GenerationFailureListener {
  const lately = new Map<number, { count: number; readonly since: number }>();
  return (error, generation, ref) => {
    const now = performance.now();
    const before = lately.get(generation);
    if (before !== undefined && now - before.since < FAILURES_EVERY_MS) {
      before.count++;
      return;
    }
    lately.set(generation, { count: 0, since: now });
    logger.warn(
      {
        error,
        generation,
        tenantId: ref.tenantId,
        [`${kind}Id`]: ref.aggregateId,
        untold: before?.count ?? 0,
      },
      `A generation that does not serve could not be made of a ${kind}`,
    );
  };
}
