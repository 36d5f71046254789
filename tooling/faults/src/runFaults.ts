import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "./fault.js";
import { type FaultResult, runFault } from "./runFault.js";
import { type FaultSystem, startFaultSystem } from "./system.js";
import { failuresOf } from "./table.js";

export interface RunFaultsOptions {
  readonly faults: readonly Fault[];
  /** Of rows that are many alike. @default all */
  readonly mostOfEach?: (rows: readonly Fault[]) => readonly Fault[];
  /** Looks at each for a shorter time, and ends no app. @default false */
  readonly brief?: boolean;
  /** Times limits of time: more than 1 on a machine that does other things as well. @default 1 */
  readonly patience?: number;
  readonly onLine: (line: string) => void;
  /** Ends the run early, its processes included; the run then rejects. */
  readonly signal?: AbortSignal;
}

export interface FaultsReport {
  readonly results: readonly FaultResult[];
  readonly failures: readonly string[];
  /** Where the logs are, if something failed. */
  readonly logs: string | null;
}

/** One system for all of them, one after the other. */
export async function runFaults({
  faults,
  mostOfEach = (rows) => rows,
  brief = false,
  patience = 1,
  onLine,
  signal,
}: RunFaultsOptions): Promise<FaultsReport> {
  const folder = await mkdtemp(join(tmpdir(), "es-faults-"));
  const crashes: string[] = [];
  let keep = true;
  try {
    const system = await startFaultSystem({ folder, onCrash: (how) => crashes.push(how) });
    const results: FaultResult[] = [];
    try {
      for (const fault of await rowsOf(system, faults, mostOfEach)) {
        signal?.throwIfAborted();
        onLine(`${fault.engine}: ${fault.name}…`);
        const result = await runFault(system, brief ? { ...fault, brief } : fault, patience);
        results.push(result);
        for (const failure of failuresOf([result])) onLine(`  ${failure}`);
      }
    } finally {
      await system.stop();
    }
    const failures = [...failuresOf(results), ...crashes];
    keep = failures.length > 0;
    return { results, failures, logs: keep ? folder : null };
  } catch (error) {
    if (signal?.aborted === true) keep = false;
    else onLine(`The run failed; its logs are in ${folder}`);
    throw error;
  } finally {
    for (const data of ["clickhouse", "redis"])
      await rm(join(folder, data), { recursive: true, force: true });
    if (!keep) await rm(folder, { recursive: true, force: true });
  }
}

async function rowsOf(
  system: FaultSystem,
  faults: readonly Fault[],
  mostOfEach: (rows: readonly Fault[]) => readonly Fault[],
): Promise<readonly Fault[]> {
  const rows: Fault[] = [];
  for (const fault of faults)
    rows.push(...(fault.each === undefined ? [fault] : mostOfEach(await fault.each(system))));
  return rows;
}
