import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMsOf } from "@es/tooling-chaos/system";
import { type Expected, type Fault, well } from "./fault.js";
import { type App, type AppName, appNames, type FaultSystem } from "./system.js";

/** What one app did in one state. */
export interface Cell {
  readonly app: AppName;
  /** Of one core, while broken. */
  readonly cpuPercent: number;
  readonly logLines: number;
  /** The longest that `/healthz` took, milliseconds: how long the event loop stood. */
  readonly healthMs: number;
  readonly readyStatus: number;
  readonly readyText: string;
  /** From SIGTERM to the end; `null` if it was not ended. */
  readonly endedAfterMs: number | null;
  readonly failures: readonly string[];
}

export interface FaultResult {
  readonly name: string;
  readonly engine: Fault["engine"];
  readonly description: string;
  /** Why it could not be had here. */
  readonly impossible?: string;
  readonly cells: readonly Cell[];
  /** Requests to ingest while broken, by what became of them. */
  readonly requests: Readonly<Record<string, number>>;
  /** From the end of the state until every projection was current; `null` if that took too long. */
  readonly currentAfterMs: number | null;
  /** Of no single app. */
  readonly failures: readonly string[];
}

export const CPU_PERCENT = 20;
/** In `MEASURE_MS`. A state is said once or twice by each part of an app that meets it. */
export const LOG_LINES = 10;
export const END_MS = 5_000;
export const CURRENT_MS = 10_000;
const MEASURE_MS = 10_000;
const BRIEF_MEASURE_MS = 3_000;
/** The state must be seen by then. */
const SETTLE_MS = 4_000;
/** What is under way in an app meets the state. */
const AT_WORK_MS = 1_500;
const HEALTH_MS = 2_000;
const REQUEST_EVERY_MS = 250;
const REQUEST_TIMEOUT_MS = 8_000;

/**
 * Puts an engine into the state, looks at every app, ends the state, and waits until all is well.
 *
 * @param patience times the limits of time
 */
export async function runFault(system: FaultSystem, fault: Fault, patience = 1): Promise<FaultResult> {
  const about = { name: fault.name, engine: fault.engine, description: fault.description };
  const impossible = fault.impossible?.(system) ?? null;
  if (impossible !== null)
    return { ...about, impossible, cells: [], requests: {}, currentAfterMs: null, failures: [] };
  const failures: string[] = [];
  const currentMs = CURRENT_MS * patience;
  const healthy = await untilCurrent(system, 60_000);
  if (healthy === null)
    return {
      ...about,
      cells: [],
      requests: {},
      currentAfterMs: null,
      failures: ["not well before it began"],
    };

  const load = startLoad(system);
  const begun = new Date();
  let cells: Cell[];
  try {
    await sleep(500);
    await fault.begin(system);
    if (fault.environment !== undefined) await restart(system, fault.environment(system));
    load.reset();
    await settled(system, fault, SETTLE_MS * patience);
    const looked = await Promise.all(appNames.map((name) => look(system.apps[name], fault, name, patience)));
    const requests = { ...load.outcomes };
    failures.push(...refusals(fault, requests));
    // Who says that all is well must do the work.
    const worker = looked.find(({ app }) => app === "worker");
    if (worker?.readyStatus === 200) {
      load.pause();
      if ((await untilCurrent(system, currentMs)) === null)
        failures.push(
          `the worker says ok, and projections were not current ${currentMs / 1_000} s after the last span`,
        );
    }
    cells = fault.brief === true ? looked : await endAll(system, fault, looked);
    if (fault.brief !== true && fault.startsAfter !== true) {
      system.start(fault.environment?.(system));
      cells = await Promise.all(cells.map((cell) => lookAfterStart(system.apps[cell.app], fault, cell)));
    }
    await fault.end(system);
    const ended = performance.now();
    if (fault.environment !== undefined) await restart(system, {});
    else system.start();
    await load.stop();
    const current = await untilCurrent(system, currentMs + 20_000);
    const currentAfterMs = current === null ? null : performance.now() - ended;
    if (currentAfterMs === null || currentAfterMs > currentMs) {
      const after = currentAfterMs === null ? "not" : `only after ${seconds(currentAfterMs)}`;
      failures.push(`all projections are current ${after}, not within ${currentMs / 1_000} s`);
    }
    return { ...about, cells, requests, currentAfterMs, failures };
  } catch (error) {
    await fault.end(system).catch(() => undefined);
    throw new Error(`${fault.name} (since ${begun.toISOString()}): ${String(error)}`, { cause: error });
  } finally {
    await load.stop();
  }
}

/** What ingest did with the spans it was sent. */
function refusals({ ingest, works }: Fault, requests: Readonly<Record<string, number>>): readonly string[] {
  const acknowledged = requests["200"] ?? 0;
  const others = Object.entries(requests).filter(([outcome]) => outcome !== "200");
  if (ingest === 503) return acknowledged === 0 ? [] : [`ingest acknowledged ${acknowledged} requests`];
  if (acknowledged === 0) return ["ingest acknowledged nothing"];
  if (works !== true || others.length === 0) return [];
  return [`ingest refused requests: ${others.map(([outcome, count]) => `${outcome} ${count}×`).join(", ")}`];
}

/** Resolves when every app says what it should of the state, or should have. */
async function settled(system: FaultSystem, fault: Fault, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  await sleep(AT_WORK_MS);
  while (performance.now() < deadline) {
    const unsettled = await Promise.all(
      appNames.map(async (name) => {
        const ready = await get(`${system.apps[name].url}/readyz`, 5_000);
        return misreported(fault.expected[name] ?? well, ready, "").length;
      }),
    );
    if (unsettled.every((count) => count === 0)) return;
    await sleep(250);
  }
}

async function look(app: App, fault: Fault, name: AppName, patience: number): Promise<Cell> {
  const measureMs = fault.brief === true ? BRIEF_MEASURE_MS : MEASURE_MS;
  const expected = fault.expected[name] ?? well;
  const linesBefore = await logLines(app);
  const cpuBefore = await cpuMsOf(app.process.pid);
  const begun = performance.now();
  let healthMs = 0;
  let ready = { status: 0, text: "" };
  while (performance.now() - begun < measureMs) {
    const asked = performance.now();
    const health = await get(`${app.url}/healthz`, HEALTH_MS * patience * 2);
    if (health.status !== 0 || health.text !== "") healthMs = Math.max(healthMs, performance.now() - asked);
    ready = await get(`${app.url}/readyz`, 5_000);
    await sleep(500);
  }
  const elapsed = performance.now() - begun;
  const cpuPercent = (100 * ((await cpuMsOf(app.process.pid)) - cpuBefore)) / elapsed;
  const lines = (await logLines(app)) - linesBefore;
  const failures: string[] = [];
  const works = fault.works === true || (name === "worker" && ready.status === 200);
  if (!works && cpuPercent >= CPU_PERCENT) failures.push(`takes ${cpuPercent.toFixed(0)} % of a core`);
  if (lines > LOG_LINES) failures.push(`logs ${lines} lines in ${seconds(elapsed)}`);
  if (healthMs > HEALTH_MS * patience) failures.push(`/healthz took ${seconds(healthMs)}`);
  failures.push(...misreported(expected, ready, "/readyz"));
  return {
    app: name,
    cpuPercent,
    logLines: lines,
    healthMs,
    readyStatus: ready.status,
    readyText: ready.text,
    endedAfterMs: null,
    failures,
  };
}

function misreported(
  expected: Expected,
  ready: { readonly status: number; readonly text: string },
  where: string,
): readonly string[] {
  const isExpected = expected.status === "either" || ready.status === expected.status;
  if (isExpected && expected.text.test(ready.text)) return [];
  return [`${where} is ${ready.status} ${ready.text.trim()}, not ${expected.status} with ${expected.text}`];
}

/** SIGTERM of all while the state lasts. */
async function endAll(system: FaultSystem, fault: Fault, cells: readonly Cell[]): Promise<Cell[]> {
  const limit = fault.endsWithinMs ?? END_MS;
  return Promise.all(
    cells.map(async (cell) => {
      const started = performance.now();
      const byItself = await system.apps[cell.app].process.stop(limit + 5_000);
      const endedAfterMs = performance.now() - started;
      const late = endedAfterMs > limit || !byItself;
      const failure = `SIGTERM ended it ${byItself ? `after ${seconds(endedAfterMs)}` : "not, or with an error"}`;
      return { ...cell, endedAfterMs, failures: late ? [...cell.failures, failure] : cell.failures };
    }),
  );
}

/** An app that starts in the state says the same as one that was there before. */
async function lookAfterStart(app: App, fault: Fault, cell: Cell): Promise<Cell> {
  const expected = fault.expected[cell.app] ?? well;
  const deadline = performance.now() + 60_000;
  for (;;) {
    const ready = await get(`${app.url}/readyz`, 5_000);
    const failures = misreported(expected, ready, "after a start /readyz");
    if (failures.length === 0) return cell;
    if (performance.now() > deadline) return { ...cell, failures: [...cell.failures, ...failures] };
    await sleep(250);
  }
}

async function restart(system: FaultSystem, environment: Readonly<Record<string, string>>): Promise<void> {
  await Promise.all(appNames.map((name) => system.apps[name].process.stop(10_000)));
  system.start(environment);
}

/** Milliseconds until every app is ready and nothing lags; `null` if that takes longer than it may. */
async function untilCurrent(system: FaultSystem, limitMs: number): Promise<number | null> {
  const begun = performance.now();
  while (performance.now() - begun < limitMs) {
    const lagging = await system.lagging().catch(() => 1);
    if (lagging === 0) {
      const ready = await Promise.all(appNames.map((name) => get(`${system.apps[name].url}/readyz`, 5_000)));
      if (ready.every(({ status }) => status === 200)) return performance.now() - begun;
    }
    await sleep(100);
  }
  return null;
}

interface Load {
  readonly outcomes: Readonly<Record<string, number>>;
  reset(): void;
  /** Sends no more. */
  pause(): void;
  stop(): Promise<void>;
}

/** Spans of a new trace, and of one that has some, again and again; and a listing. */
function startLoad(system: FaultSystem): Load {
  let outcomes: Record<string, number> = {};
  let generation = 0;
  const underWay = new Set<Promise<unknown>>();
  const known = randomBytes(16).toString("hex");
  const track = (work: Promise<unknown>) => {
    underWay.add(work);
    work.finally(() => underWay.delete(work)).catch(() => undefined);
  };
  const send = async (traceId: string) => {
    const mine = generation;
    const outcome = await post(`${system.apps.ingest.url}/v1/traces`, spanOf(traceId));
    if (mine === generation) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  let listing = false;
  const list = async () => {
    listing = true;
    await get(`${system.apps.console.url}/api/traces?limit=5`, REQUEST_TIMEOUT_MS);
    listing = false;
  };
  const timer = setInterval(() => {
    track(send(randomBytes(16).toString("hex")));
    track(send(known));
    // One at a time: what waits behind others would be under way when the console is to end.
    if (!listing) track(list());
  }, REQUEST_EVERY_MS);
  return {
    get outcomes() {
      return outcomes;
    },
    reset() {
      generation++;
      outcomes = {};
    },
    pause() {
      clearInterval(timer);
    },
    async stop() {
      clearInterval(timer);
      await Promise.allSettled(underWay);
    },
  };
}

function spanOf(traceId: string): string {
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId,
    spanId: randomBytes(8).toString("hex"),
    name: "work",
    kind: 1,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 1_000_000n),
    attributes: [{ key: "session.id", value: { stringValue: `session-${traceId.slice(0, 2)}` } }],
  };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "faults" } }] };
  return JSON.stringify({
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "faults" }, spans: [span] }] }],
  });
}

async function post(url: string, body: string): Promise<string> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    await answer.text();
    return String(answer.status);
  } catch {
    return "no answer";
  }
}

async function get(
  url: string,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return { status: 0, text: error instanceof Error ? error.message : String(error) };
  }
}

async function logLines({ logFile }: App): Promise<number> {
  return (await readFile(logFile, "utf8")).split("\n").length - 1;
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
