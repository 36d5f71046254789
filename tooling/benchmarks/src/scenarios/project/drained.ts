import { setTimeout as sleep } from "node:timers/promises";
import type { ProjectionQueue } from "@es/processing";

const POLL_MS = 10;

/** Resolves when every run has ended. @throws if some ended as dead letters */
export async function drained(queue: Pick<ProjectionQueue, "counts">): Promise<void> {
  for (;;) {
    const { pending, active, deadLetters } = await queue.counts();
    if (deadLetters > 0) throw new Error(`${deadLetters} traces could not be rebuilt.`);
    if (pending + active === 0) return;
    await sleep(POLL_MS);
  }
}
