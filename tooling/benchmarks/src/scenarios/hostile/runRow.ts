import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestEngines } from "@es/tooling-engines";
import { startApp } from "../../engines/app.js";
import { takePlace } from "../../engines/place.js";
import type { Round } from "../../harness/comparison.js";
import { watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import type { Answers, HostileRow } from "./hostileRow.js";
import type { StopReport } from "./stopProbe.js";

export interface RunRowOptions {
  readonly engines: TestEngines;
  readonly quick: boolean;
}

/** Starts the app of a row, attacks it, and says what that did to its event loop and its memory. */
export async function runRow(row: HostileRow, { engines, quick }: RunRowOptions): Promise<Round> {
  const closers: (() => Promise<void>)[] = [];
  try {
    const place = takePlace(engines);
    closers.push(() => place.close());
    const start = async (...[name, environment, heapMb]: Parameters<typeof startAt>) => {
      const app = await startAt(name, { ...place.environment, ...environment }, heapMb);
      closers.push(() => app.close());
      return app;
    };
    const { url, pid } = await start(row.app, row.environment, row.heapMb);
    const target = { url, pid, place, quick, start };
    await row.prepare?.(target);
    const probe = await Program.start("scenarios/hostile/stopProbe.js");
    closers.push(() => probe.stop());
    await probe.call("watch", url);
    const before = memoryMb(pid, "VmRSS");
    const used = watchCpu(pid);
    const began = performance.now();
    const answers = await Promise.race([row.attack(target), noAnswer(closers)]);
    const seconds = (performance.now() - began) / 1_000;
    const cpu = used();
    const { stopMs, answers: isAlive } = await probe.call<StopReport>("report");
    const count = answers.taken + answers.refused + answers.unanswered;
    return {
      count,
      seconds,
      figures: {
        stop: stopMs,
        growth: cpu.peakMb - before,
        peak: cpu.peakMb,
        cpu: cpu.seconds,
        ...answers,
        died: isAlive ? 0 : 1,
      },
    };
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** A row that takes longer has failed. */
const ROW_TIMEOUT_MS = 60_000;

async function noAnswer(closers: (() => Promise<void>)[]): Promise<Answers> {
  const waiting = new AbortController();
  closers.push(async () => waiting.abort());
  await sleep(ROW_TIMEOUT_MS, undefined, { signal: waiting.signal }).catch(() => {});
  return { taken: 0, refused: 0, unanswered: 1 };
}

function startAt(
  name: HostileRow["app"],
  environment: Readonly<Record<string, string>> = {},
  heapMb?: number,
) {
  const heap = heapMb === undefined ? {} : { NODE_OPTIONS: `--max-old-space-size=${heapMb}` };
  return startApp(name, { ...environment, ...heap });
}

/** The process may die meanwhile: then the last figures count. */
function watchCpu(pid: number): () => { readonly seconds: number; readonly peakMb: number } {
  const stop = watchProcesses({ app: pid });
  let peakMb = memoryMb(pid, "VmHWM");
  const sampling = setInterval(() => {
    try {
      peakMb = memoryMb(pid, "VmHWM");
    } catch {
      clearInterval(sampling);
    }
  }, 20);
  return () => {
    clearInterval(sampling);
    try {
      return { seconds: stop().app?.cpuSeconds ?? Number.NaN, peakMb: memoryMb(pid, "VmHWM") };
    } catch {
      return { seconds: Number.NaN, peakMb };
    }
  };
}

/** `VmHWM` is the most that a process ever had resident. Linux only, as `processUsage.ts` is. */
function memoryMb(pid: number, name: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`Process ${pid} has ended.`);
  return (Number(kilobytes) * 1_024) / 1e6;
}
