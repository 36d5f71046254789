import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { System } from "../system/system.js";
import type { FaultName, PlannedFault } from "./faultClass.js";
import { faultClassNamed, touchedBy } from "./faultClasses.js";

/** What became of a schedule. */
export interface FaultReport {
  /** How often each class was injected. */
  readonly injected: Readonly<Partial<Record<FaultName, number>>>;
  /** Classes that cannot be had here, and why. */
  readonly impossible: Readonly<Partial<Record<FaultName, string>>>;
  /** Faults left out, for what they break was still being healed long after their time. */
  readonly skipped: number;
}

const TOO_LATE_MS = 10_000;

export interface RunFaultsOptions {
  readonly planned: readonly PlannedFault[];
  readonly signal: AbortSignal;
  readonly onFault: (line: string) => void;
}

/** Injects each fault at its time and heals it after its duration. Resolves when the last is healed; rejects if one could not be. */
export async function runFaults(
  system: System,
  { planned, signal, onFault }: RunFaultsOptions,
): Promise<FaultReport> {
  // Every fault waits for it.
  setMaxListeners(0, signal);
  const begun = performance.now();
  const injected: Partial<Record<FaultName, number>> = {};
  const impossible: Partial<Record<FaultName, string>> = {};
  const wait = async (ms: number) => {
    if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
  };
  const second = () => ((performance.now() - begun) / 1_000).toFixed(1);
  let skipped = 0;
  const run = async (fault: PlannedFault, before: Promise<unknown>) => {
    await wait(fault.at - (performance.now() - begun));
    await before;
    if (signal.aborted) return;
    if (performance.now() - begun > fault.at + TOO_LATE_MS) {
      skipped++;
      return;
    }
    const { impossible: why, inject, heal } = faultClassNamed(fault.name);
    const reason = why?.(system) ?? null;
    if (reason !== null) {
      impossible[fault.name] = reason;
      return;
    }
    onFault(`${second()} s: ${fault.name} ${fault.target}`);
    await inject(system, fault);
    injected[fault.name] = (injected[fault.name] ?? 0) + 1;
    await wait(fault.durationMs);
    await heal(system, fault);
    if (fault.durationMs > 0) onFault(`${second()} s: ${fault.name} ${fault.target} healed`);
  };
  // On a busy machine a fault may take longer than planned; the next one of its target waits for it all the same.
  const healed = new Map<string, Promise<void>>();
  const all = planned.map((fault) => {
    const touched = touchedBy(fault);
    const running = run(fault, Promise.allSettled(touched.map((target) => healed.get(target))));
    for (const target of touched) healed.set(target, running);
    return running;
  });
  // All of them, also when one fails: what the others broke is healed first.
  await Promise.allSettled(all);
  await Promise.all(all);
  return { injected, impossible, skipped };
}
