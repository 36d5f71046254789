import { setTimeout as sleep } from "node:timers/promises";
import { type Delivery, planWave } from "./deliveries.js";
import type { Exporter } from "./exporter.js";
import type { LoadShape } from "./traces.js";

export interface RunLoadOptions {
  readonly shape: LoadShape;
  readonly ingests: number;
  readonly durationMs: number;
  readonly exporter: Exporter;
  readonly signal: AbortSignal;
}

const MAX_IN_FLIGHT = 48;
/** The last waves begin so long before the end, for their spans to arrive in it. */
const TAIL_MS = 4_000;

/** How many waves a load of this length has. */
export function waveCount(durationMs: number): number {
  return Math.max(1, Math.floor((durationMs - TAIL_MS) / 1_000));
}

/** Sends the whole load, each delivery at its time or as soon after it as there is a place; resolves when all have ended. */
export async function runLoad({
  shape,
  ingests,
  durationMs,
  exporter,
  signal,
}: RunLoadOptions): Promise<void> {
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  const waves = waveCount(durationMs);
  const inFlight = new Set<Promise<void>>();
  let pending: Delivery[] = [];
  for (let wave = 0; wave < waves || pending.length > 0; wave++) {
    if (wave < waves) pending.push(...planWave(shape, wave, { ingests, endMs: durationMs }));
    pending.sort((a, b) => a.at - b.at);
    // Nothing of a later wave is due before that wave begins.
    const horizon = wave + 1 < waves ? (wave + 1) * 1_000 : Number.POSITIVE_INFINITY;
    const due = pending.filter(({ at }) => at < horizon);
    pending = pending.filter(({ at }) => at >= horizon);
    for (const delivery of due) {
      if (signal.aborted) break;
      const wait = delivery.at - elapsed();
      if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => undefined);
      while (inFlight.size >= MAX_IN_FLIGHT) await Promise.race(inFlight);
      const sending: Promise<void> = exporter.deliver(delivery).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    }
    if (signal.aborted) break;
  }
  await Promise.all(inFlight);
}
