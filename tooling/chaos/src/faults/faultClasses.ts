import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { cpuMsOf } from "../system/cpuTime.js";
import { untilTrue } from "../system/managedProcess.js";
import { makeReadOnly, makeWritable } from "../system/mountNamespace.js";
import { type App, LOCK_MS, type System } from "../system/system.js";
import type { TcpProxy } from "../system/tcpProxy.js";
import type { FaultClass, FaultName, PlannedFault } from "./faultClass.js";

const HOUR_MS = 3_600_000;
/** After a worker has been silent for so long another one runs its jobs: the lock, and two looks for stalled jobs. */
const LOST_LOCK_MS = 3 * LOCK_MS + 500;

const ingests = ["ingest-1", "ingest-2"];
const workers = ["worker-1", "worker-2"];

const appsOf = (system: System): readonly App[] => [...system.ingests, ...system.workers, system.console];

function appNamed(system: System, name: string): App {
  const found = appsOf(system).find((app) => app.process.name === name);
  if (found === undefined) throw new Error(`There is no app ${name}.`);
  return found;
}

/** A Redis that another fault has just started again does not listen yet: it is asked for some seconds. */
async function withRedis(system: System, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(system.redisUrl, { maxRetriesPerRequest: 50, retryStrategy: () => 100 });
  redis.on("error", () => undefined);
  await work(redis).finally(() => redis.disconnect());
}

/** SIGKILL, and a start after a while. */
function killing(name: FaultName, targets: readonly string[]): FaultClass {
  return {
    name,
    description: `SIGKILL of ${name.slice("kill-".length)}, started again after a while`,
    targets,
    durationMs: [200, 2_500],
    inject: async (system, { target }) => appNamed(system, target).process.kill(),
    heal: async (system, { target }) => appNamed(system, target).process.start(),
  };
}

/** A drain and a new start, as a deployment does. */
function restarting(name: FaultName, targets: readonly string[]): FaultClass {
  return {
    name,
    description: `SIGTERM of ${name.slice("restart-".length)} under load, started again when it has drained`,
    targets,
    durationMs: [0, 0],
    async inject(system, { target }) {
      await appNamed(system, target).process.stop();
    },
    heal: async (system, { target }) => appNamed(system, target).process.start(),
  };
}

/** An app whose wall clock is wrong from one start to the next. */
function shifting(name: FaultName, targets: readonly string[], shiftMs: number): FaultClass {
  const restart = async (system: System, target: string, environment: Readonly<Record<string, string>>) => {
    const { process, url } = appNamed(system, target);
    await process.stop();
    process.start(environment);
    // What its clock does begins when it works.
    await untilTrue(
      `${target} listens`,
      async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.ok === true,
    );
  };
  return {
    name,
    description: `the clock of one of ${targets.join(", ")} an hour ${shiftMs > 0 ? "ahead" : "behind"}`,
    targets,
    durationMs: [8_000, 14_000],
    inject: (system, { target }) => restart(system, target, { CHAOS_CLOCK_SHIFT_MS: String(shiftMs) }),
    heal: (system, { target }) => restart(system, target, {}),
  };
}

/** Without any of these no run can be fetched. */
const NEEDED_COMMANDS = ["evalsha", "zadd", "hgetall", "lrange", "time"];
/** Of one core, for a worker that can do nothing but wait. */
const MOST_CPU = 0.5;
/** What a process takes while it starts says nothing. */
const STARTING_MS = 4_000;

/** A command that the queue needs forbidden for a while: workers must wait for it, not try as fast as they can. */
function forbidding(): FaultClass {
  const allow = (system: System, change: readonly string[]) =>
    withRedis(system, (redis) => redis.call("ACL", "SETUSER", "default", ...change));
  return {
    name: "forbid-redis",
    description: `one of ${NEEDED_COMMANDS.join(", ")} forbidden, as by a change of rights`,
    targets: ["redis"],
    durationMs: [1_000, 3_000],
    async inject(system, { severity }) {
      const command = NEEDED_COMMANDS[Math.floor(severity * NEEDED_COMMANDS.length)] ?? "evalsha";
      await allow(system, [`-${command}`]);
      // What was under way ends first.
      await sleep(1_500);
      const before = await Promise.all(system.workers.map(cpuMs));
      const since = performance.now();
      await sleep(2_500);
      const elapsed = performance.now() - since;
      for (const [i, worker] of system.workers.entries()) {
        const from = before[i];
        const to = await cpuMs(worker);
        if (from === undefined || to === undefined || from.pid !== to.pid) continue;
        const share = (to.ms - from.ms) / elapsed;
        if (share < MOST_CPU) continue;
        const detail = `${worker.process.name} took ${(100 * share).toFixed(0)} % of a core while Redis forbade ${command}`;
        system.onOffence({ kind: "spinning", detail });
      }
    },
    heal: (system) => allow(system, ["+@all"]),
  };
}

/** What an app has taken of the processor; `undefined` while it does not run or starts. */
async function cpuMs({ process: { pid, isRunning, startedAt } }: App) {
  const runs = isRunning && performance.now() - startedAt > STARTING_MS;
  const ms = runs ? await cpuMsOf(pid).catch(() => undefined) : undefined;
  return ms === undefined ? undefined : { pid, ms };
}

/** Bad weather on some connections. */
function weather(
  name: FaultName,
  description: string,
  targets: readonly string[],
  durationMs: readonly [number, number],
  proxies: (system: System, fault: PlannedFault) => readonly TcpProxy[],
  make: (proxy: TcpProxy, fault: PlannedFault) => void,
  unmake: (proxy: TcpProxy) => void,
): FaultClass {
  return {
    name,
    description,
    targets,
    durationMs,
    async inject(system, fault) {
      for (const proxy of proxies(system, fault)) make(proxy, fault);
    },
    async heal(system, fault) {
      for (const proxy of proxies(system, fault)) unmake(proxy);
    },
  };
}

const cut = (proxy: TcpProxy) => {
  proxy.weather.cutting = true;
};
const uncut = (proxy: TcpProxy) => {
  proxy.weather.cutting = false;
};
const delay = (proxy: TcpProxy, ms: number) => {
  proxy.weather.delayMs = ms;
};

const everyClickhouse = (system: System) => appsOf(system).map(({ clickhouse }) => clickhouse);
const everyRedis = (system: System) => [...system.ingests, ...system.workers].map(({ redis }) => redis);

export const faultClasses: readonly FaultClass[] = [
  killing("kill-ingest", ingests),
  killing("kill-worker", workers),
  killing("kill-console", ["console"]),
  {
    name: "kill-redis",
    description: "SIGKILL of Redis, which keeps nothing: it comes back empty",
    targets: ["redis"],
    durationMs: [300, 3_000],
    inject: (system) => system.redis.kill(),
    heal: async (system) => system.redis.start(),
  },
  {
    name: "kill-clickhouse",
    description: "SIGKILL of ClickHouse, started again over the same data",
    targets: ["clickhouse"],
    durationMs: [300, 4_000],
    inject: (system) => system.clickhouse.kill(),
    async heal(system) {
      system.clickhouse.start();
      await untilTrue("ClickHouse answers", () => system.clickhouseAnswers());
    },
  },
  {
    name: "kill-everything",
    description: "SIGKILL of ingests, workers, Redis and ClickHouse in one moment",
    targets: [...ingests, ...workers, "redis", "clickhouse"],
    durationMs: [300, 2_000],
    async inject(system) {
      const all = [...system.ingests, ...system.workers].map(({ process }) => process);
      await Promise.all([...all, system.redis, system.clickhouse].map((process) => process.kill()));
    },
    async heal(system) {
      for (const { process } of [...system.ingests, ...system.workers]) process.start();
      system.redis.start();
      system.clickhouse.start();
      await untilTrue("ClickHouse answers", () => system.clickhouseAnswers());
    },
  },
  restarting("restart-ingest", ingests),
  restarting("restart-worker", workers),
  {
    name: "freeze-worker",
    description:
      "SIGSTOP of a worker in the middle of its runs until others have taken them over, then SIGCONT",
    targets: workers,
    durationMs: [LOST_LOCK_MS, LOST_LOCK_MS + 2_000],
    async inject(system, { target }) {
      const { process, clickhouse } = appNamed(system, target);
      // Slow answers, so that it is waiting for some when it freezes.
      delay(clickhouse, 250);
      await sleep(1_000);
      process.freeze();
      delay(clickhouse, 0);
    },
    heal: async (system, { target }) => appNamed(system, target).process.thaw(),
  },
  {
    name: "flush-redis",
    description: "FLUSHALL under live ingests and workers",
    targets: ["redis"],
    durationMs: [0, 0],
    async inject(system) {
      await withRedis(system, (redis) => redis.flushall());
    },
    heal: async () => {},
  },
  {
    name: "failover-redis",
    description: "a replica of Redis promoted behind the same name; old connections stay with the old server",
    targets: ["redis"],
    durationMs: [0, 0],
    inject: (system) => system.failOverRedis(),
    heal: async () => {},
  },
  forbidding(),
  weather(
    "cut-clickhouse",
    "answers of ClickHouse cut in their middle, connections reset",
    ["clickhouse"],
    [500, 3_000],
    everyClickhouse,
    cut,
    uncut,
  ),
  weather(
    "cut-redis",
    "answers of Redis cut in their middle, connections reset",
    ["redis"],
    [500, 3_000],
    everyRedis,
    cut,
    uncut,
  ),
  weather(
    "cut-clients",
    "answers of the ingests cut in their middle: clients never learn that their spans are stored",
    ["clients"],
    [500, 3_000],
    (system) => system.ingests.map(({ clients }) => clients),
    cut,
    uncut,
  ),
  weather(
    "slow-clickhouse",
    "every piece of data to and from ClickHouse held for 0.1 to 0.6 s",
    ["clickhouse"],
    [4_000, 8_000],
    everyClickhouse,
    (proxy, { severity }) => delay(proxy, 100 + Math.round(severity * 500)),
    (proxy) => delay(proxy, 0),
  ),
  weather(
    "block-clickhouse",
    "one worker or ingest cut off from ClickHouse without a word, then heard again",
    [...ingests, ...workers],
    [2_000, 6_000],
    (system, { target }) => [appNamed(system, target).clickhouse],
    (proxy) => proxy.block(),
    (proxy) => proxy.unblock(),
  ),
  weather(
    "block-redis",
    "one worker cut off from Redis until its runs are given to others, while it goes on with them",
    workers,
    [LOST_LOCK_MS, LOST_LOCK_MS + 1_000],
    (system, { target }) => [appNamed(system, target).redis],
    (proxy) => proxy.block(),
    (proxy) => proxy.unblock(),
  ),
  shifting("clock-ahead", workers, HOUR_MS),
  shifting("clock-behind", workers, -HOUR_MS),
  shifting("ingest-clock-ahead", ingests, HOUR_MS),
  shifting("ingest-clock-behind", ingests, -HOUR_MS),
  {
    name: "readonly-clickhouse",
    description: "the disk of ClickHouse made read-only",
    targets: ["clickhouse"],
    durationMs: [1_500, 4_000],
    impossible: ({ disk }) => ("impossible" in disk ? disk.impossible : null),
    async inject({ clickhouse, disk }) {
      if ("folder" in disk) await makeReadOnly(clickhouse.pid, disk.folder);
    },
    async heal({ clickhouse, disk }) {
      if ("folder" in disk) await makeWritable(clickhouse.pid, disk.folder);
    },
  },
];

export const faultNames = faultClasses.map(({ name }) => name);

/** @throws RangeError with the names there are */
export function faultClassNamed(name: string): FaultClass {
  const found = faultClasses.find((one) => one.name === name);
  if (found === undefined) {
    throw new RangeError(`There is no fault ${JSON.stringify(name)}; there are ${faultNames.join(", ")}`);
  }
  return found;
}

/** Everything the fault breaks. */
export function touchedBy({ name, target }: Pick<PlannedFault, "name" | "target">): readonly string[] {
  return target === EVERYTHING ? faultClassNamed(name).targets : [target];
}

/** The target of a fault that breaks all of its targets. */
export const EVERYTHING = "everything";
