import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { createApiKey, type NewApiKey } from "@es/api-keys";
import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import { Redis } from "ioredis";
import { assertDefencesRemoved } from "./defences/assertDefencesRemoved.js";
import type { DefenceName } from "./defences/defences.js";
import type { FaultName, PlannedFault } from "./faults/faultClass.js";
import { type FaultReport, runFaults } from "./faults/runFaults.js";
import { describeSchedule, planFaults } from "./faults/schedule.js";
import { Exporter } from "./load/exporter.js";
import { Ledger } from "./load/ledger.js";
import { runLoad, waveCount } from "./load/runLoad.js";
import type { LoadShape } from "./load/traces.js";
import { checkReadApi } from "./oracle/checkReadApi.js";
import { checkSessions } from "./oracle/checkSessions.js";
import { checkStore, type StoreSummary } from "./oracle/checkStore.js";
import { type FreshnessReport, watchFreshness } from "./oracle/freshness.js";
import { type Offence, type OffenceKind, Offences } from "./oracle/offence.js";
import { StoredRows } from "./oracle/storedRows.js";
import {
  DATABASE,
  QUEUE_NAME,
  QUEUE_PREFIX,
  SESSION_QUEUE_NAME,
  type System,
  startSystem,
} from "./system/system.js";

export interface ChaosOptions {
  readonly seed: number;
  /** Of load and faults; start, convergence and the check come on top. */
  readonly seconds: number;
  /** Classes to inject. @default every class */
  readonly faults?: readonly FaultName[] | undefined;
  /** Milliseconds between two faults, in the mean. */
  readonly everyMs?: number | undefined;
  /** The faults themselves, instead of those the seed would plan. */
  readonly planned?: readonly PlannedFault[] | undefined;
  readonly without?: readonly DefenceName[] | undefined;
  /** Traces begun per second and tenant. @default 2 */
  readonly tracesPerSecond?: number | undefined;
  /** How long the system may take to converge. @default 90_000 */
  readonly convergenceLimitMs?: number | undefined;
  /** Of a run that broke a promise. @default true */
  readonly keepLogs?: boolean | undefined;
  /** Told what happens, line by line. @default nobody */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Ends the run early, its processes included; the run then rejects. */
  readonly signal?: AbortSignal | undefined;
}

export interface ChaosReport {
  readonly seed: number;
  readonly seconds: number;
  readonly without: readonly DefenceName[];
  readonly clickhouse: string;
  readonly redis: string;
  readonly spans: { readonly sent: number; readonly acknowledged: number; readonly copies: number };
  /** Requests by HTTP status, or by how their connection failed. */
  readonly requests: Readonly<Record<string, number>>;
  readonly stored: StoreSummary;
  /** With traces. */
  readonly sessions: number;
  readonly faults: FaultReport;
  readonly cuts: number;
  readonly freshness: FreshnessReport;
  /** From the end of traffic and faults to everything being projected; `null` if that took longer than allowed. */
  readonly convergenceMs: number | null;
  /** Traces the reconcilers found and scheduled. */
  readonly reconciled: number;
  readonly broken: Readonly<Record<OffenceKind, number>>;
  /** The first of each kind. */
  readonly offences: readonly Offence[];
  /** Where the logs are; `null` where there is nothing to look into. */
  readonly logs: string | null;
}

/** With what is special in keys, URLs and SQL. */
const TENANTS = ["acme", "acme:1", "Ümbrella/50%'"];

/** One run: starts everything, loads and breaks it, heals it, and compares what is stored with what was acknowledged. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, seconds, without = [], onLine = () => {} } = options;
  const shape: LoadShape = { seed, tenants: TENANTS, tracesPerSecond: options.tracesPerSecond ?? 2 };
  const planned =
    options.planned ??
    planFaults({
      seed,
      durationMs: seconds * 1_000,
      ...(options.faults === undefined ? {} : { names: options.faults }),
      ...(options.everyMs === undefined ? {} : { everyMs: options.everyMs }),
    });
  onLine(`Seed ${seed}, ${seconds} s, ${planned.length} faults:\n${describeSchedule(planned)}`);
  const apiKeys = new Map(TENANTS.map((tenant) => [tenant, createApiKey()]));
  const folder = await mkdtemp(join(tmpdir(), "es-chaos-"));
  const offences = new Offences();
  let keep = true;
  try {
    const system = await startSystem({
      folder,
      apiKeys,
      without,
      onCrash: (how) => offences.add({ kind: "crashed", detail: `${how}; see its log` }),
      onOffence: (offence) => offences.add(offence),
    });
    try {
      await assertDefencesRemoved(folder, without);
      const run = await breakAndCheck(system, { ...options, apiKeys, shape, planned, offences, onLine });
      const report = { ...run, reconciled: await countReconciled(folder) };
      keep = offences.total > 0 && options.keepLogs !== false;
      if (keep) await writeFile(join(folder, "report.json"), JSON.stringify(report, null, 2));
      return { ...report, logs: keep ? folder : null };
    } finally {
      await system.stop();
    }
  } catch (error) {
    if (options.signal?.aborted === true) keep = false;
    else onLine(`The run failed; its logs are in ${folder}`);
    throw error;
  } finally {
    if (keep) await rm(join(folder, "clickhouse"), { recursive: true, force: true });
    else await rm(folder, { recursive: true, force: true });
  }
}

interface Run extends ChaosOptions {
  readonly apiKeys: ReadonlyMap<string, NewApiKey>;
  readonly shape: LoadShape;
  readonly planned: readonly PlannedFault[];
  readonly offences: Offences;
  readonly onLine: (line: string) => void;
}

async function breakAndCheck(system: System, run: Run): Promise<Omit<ChaosReport, "reconciled">> {
  const { seed, seconds, shape, planned, offences, onLine, without = [] } = run;
  const client = createClient({ url: system.clickhouseUrl, log: { level: 127 }, request_timeout: 60_000 });
  const rows = new StoredRows(client, DATABASE);
  const ledger = new Ledger();
  const headers = (tenant: string) => ({ "x-api-key": run.apiKeys.get(tenant)?.key ?? "" });
  const exporter = new Exporter({
    ingestUrls: system.ingests.map(({ clients }) => `http://127.0.0.1:${clients.port}`),
    headers,
    ledger,
    patienceMs: 30_000,
  });
  const signal = run.signal ?? new AbortController().signal;
  let queues: readonly ProjectionQueueBullMQ[] = [];
  try {
    const watching = new AbortController();
    const freshness = watchFreshness(rows, watching.signal);
    // When one of both fails, neither goes on with a system that is about to stop.
    const failing = new AbortController();
    const either = AbortSignal.any([signal, failing.signal]);
    const orEnd = <T>(work: Promise<T>) =>
      work.catch((error: unknown) => {
        failing.abort(error);
        throw error;
      });
    const faults = orEnd(runFaults(system, { planned, signal: either, onFault: onLine }));
    const load = orEnd(
      runLoad({
        shape,
        ingests: system.ingests.length,
        durationMs: seconds * 1_000,
        exporter,
        signal: either,
      }),
    );
    await Promise.allSettled([faults, load]);
    watching.abort();
    const [faultReport] = await Promise.all([faults, load]);
    signal.throwIfAborted();
    onLine("Traffic has ended and every fault is healed.");
    // Where Redis is now.
    queues = [QUEUE_NAME, SESSION_QUEUE_NAME].map(
      (queueName) =>
        new ProjectionQueueBullMQ({
          connection: system.redisUrl,
          queueName,
          prefix: QUEUE_PREFIX,
          telemetry: null,
        }),
    );

    const healedAt = performance.now();
    const limitMs = run.convergenceLimitMs ?? 90_000;
    const ready = await system.ready({ timeoutMs: limitMs, signal }).then(
      () => true,
      (error: Error) => {
        signal.throwIfAborted();
        onLine(error.message);
        return false;
      },
    );
    const converged = ready && (await untilConverged({ rows, queues, limitMs, signal }));
    const convergenceMs = converged ? performance.now() - healedAt : null;
    onLine(converged ? "Converged; checking." : "Not converged in time; checking all the same.");

    const waves = waveCount(seconds * 1_000);
    const stored = await checkStore({ rows, shape, waves, ledger, offences });
    const sessions = await checkSessions({ rows, shape, waves, offences });
    await checkReadApi({
      url: system.console.url,
      tenants: shape.tenants,
      headers,
      rows,
      shape,
      waves,
      ledger,
      offences,
    });
    for (const queue of queues) await checkDeadLetters(queue, offences);
    for (const detail of ledger.refusals) offences.add({ kind: "refused", detail });
    return {
      seed,
      seconds,
      without,
      clickhouse: await rows.version(),
      redis: await redisVersion(system.redisUrl),
      spans: { ...ledger.totals(), copies: ledger.sentCopies },
      requests: ledger.statuses,
      stored,
      sessions,
      faults: faultReport,
      cuts: cutsOf(system),
      freshness: await freshness,
      convergenceMs,
      broken: offences.counts,
      offences: offences.first,
      logs: null,
    };
  } finally {
    exporter.close();
    await Promise.all(queues.map((queue) => queue.close()));
    await client.close();
  }
}

interface Converging {
  readonly rows: StoredRows;
  readonly queues: readonly ProjectionQueueBullMQ[];
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Whether, within the limit, nothing lagged, nothing was scheduled and nothing was parked. */
async function untilConverged({ rows, queues, limitMs, signal }: Converging): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    // While the queue cannot be asked, something may be left in it.
    const counts = await Promise.all(queues.map((queue) => queue.counts())).catch(() => undefined);
    const left =
      counts?.reduce((sum, { pending, active, deadLetters }) => sum + pending + active + deadLetters, 0) ?? 1;
    if (left === 0 && (await rows.lag()).aggregates + (await rows.sessionLag()).aggregates === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return false;
}

/** What the workers say they found and scheduled. */
async function countReconciled(folder: string): Promise<number> {
  const logs = join(folder, "logs");
  const files = (await readdir(logs)).filter((file) => file.startsWith("worker-"));
  const texts = await Promise.all(files.map((file) => readFile(join(logs, file), "utf8")));
  const looks = texts
    .join("\n")
    .matchAll(/"scheduled":(\d+),[^\n]*"msg":"Scheduled traces whose projection lagged/g);
  return [...looks].reduce((sum, [, scheduled]) => sum + Number(scheduled), 0);
}

async function checkDeadLetters(queue: ProjectionQueueBullMQ, offences: Offences): Promise<void> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof queue.deadLetters.list>> = await queue.deadLetters.list(
      cursor === null ? {} : { cursor },
    );
    for (const { ref, code, reason, attempts } of page.items) {
      offences.add({
        kind: "deadLetters",
        tenant: ref.tenantId,
        traceId: ref.aggregateId,
        detail: `parked after ${attempts} tries: ${code}: ${reason}`,
      });
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
}

function cutsOf(system: System): number {
  const proxies = [
    ...[...system.ingests, ...system.workers, system.console].flatMap(({ clickhouse, redis }) => [
      clickhouse,
      redis,
    ]),
    ...system.ingests.map(({ clients }) => clients),
  ];
  return proxies.reduce((sum, { cuts }) => sum + cuts, 0);
}

async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url);
  const info = await redis.info("server").finally(() => redis.disconnect());
  return /redis_version:(\S+)/.exec(info)?.[1] ?? "unknown";
}
