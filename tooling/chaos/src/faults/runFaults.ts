import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { System } from "../system/system.js";
import type { FaultName, PlannedFault } from "./faultClass.js";
import { faultClassNamed } from "./faultClasses.js";

/** What became of a schedule. */
export interface FaultReport {
  /** How often each class was injected. */
  readonly injected: Readonly<Partial<Record<FaultName, number>>>;
  /** Classes that cannot be had here, and why. */
  readonly impossible: Readonly<Partial<Record<FaultName, string>>>;
}

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
  await Promise.all(
    planned.map(async (fault) => {
      const fully = faultClassNamed(fault.name);
      await wait(fault.at - (performance.now() - begun));
      if (signal.aborted) return;
      const reason = fully.impossible?.(system) ?? null;
      if (reason !== null) {
        impossible[fault.name] = reason;
        return;
      }
      const second = () => ((performance.now() - begun) / 1_000).toFixed(1);
      onFault(`${second()} s: ${fault.name} ${fault.target}`);
      await fully.inject(system, fault);
      injected[fault.name] = (injected[fault.name] ?? 0) + 1;
      await wait(fault.durationMs);
      await fully.heal(system, fault);
      if (fault.durationMs > 0) onFault(`${second()} s: ${fault.name} ${fault.target} healed`);
    }),
  );
  return { injected, impossible };
}
