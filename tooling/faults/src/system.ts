import { execFile } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import {
  inRepository,
  ManagedProcess,
  ownMounts,
  StoredRows,
  stablePort,
  TcpProxy,
  untilTrue,
  whyNoMounts,
} from "@es/tooling-chaos/system";
import { ensureSystemPackage, isOnPath } from "@es/tooling-engines";
import { Redis } from "ioredis";
import { ClickHouseProxy } from "./clickHouseProxy.js";

const run = promisify(execFile);

export type AppName = "ingest" | "worker" | "console";
export const appNames: readonly AppName[] = ["ingest", "worker", "console"];

export interface App {
  readonly name: AppName;
  readonly process: ManagedProcess;
  readonly url: string;
  readonly logFile: string;
}

/** An ingest, a worker and a console on engines that can be put into any state. */
export interface FaultSystem {
  readonly apps: Readonly<Record<AppName, App>>;
  readonly clickhouse: ManagedProcess;
  /** Between the apps and ClickHouse. */
  readonly proxy: ClickHouseProxy;
  readonly redis: ManagedProcess;
  /** Beside the apps' user, who may be anything. */
  readonly redisAdmin: Redis;
  readonly redisPort: number;
  /** Lines of its configuration from its next start on. */
  redisConfig(lines: readonly string[]): Promise<void>;
  /** Between the apps and Redis. */
  readonly redisProxy: TcpProxy;
  /** Of the engine's parts; or why a disk cannot be full or read-only here. */
  readonly disk: { readonly store: string } | { readonly impossible: string };
  /** A folder for what a fault needs. */
  readonly folder: string;
  sql(statement: string): Promise<void>;
  clickhouseAnswers(): Promise<void>;
  fillDisk(): Promise<void>;
  freeDisk(): Promise<void>;
  /** Aggregates whose projections are not the fold of what is stored. */
  lagging(): Promise<number>;
  start(environment?: Readonly<Record<string, string>>): void;
  /** Resolves when every app says that it is ready. */
  ready(timeoutMs: number): Promise<void>;
  /** Another program that ends with the system. */
  manage(name: string, line: readonly string[]): ManagedProcess;
  stop(): Promise<void>;
}

export const DATABASE = "es_faults";
export const REDIS_USER = "apps";
export const REDIS_PASSWORD = "of-the-apps";
const PASSWORD = "of-the-engine";
const LOCK_MS = 3_000;
const DISK_BYTES = 192 * 2 ** 20;

export interface FaultSystemOptions {
  /** Holds data and logs; its owner removes it. */
  readonly folder: string;
  readonly onCrash: (how: string) => void;
}

/** Starts everything and waits until it is ready. */
export async function startFaultSystem({ folder, onCrash }: FaultSystemOptions): Promise<FaultSystem> {
  await ensureSystemPackage({
    command: "redis-server",
    aptPackage: "redis-server",
    advice:
      "Faults need a Redis of their own: install redis-server (apt-get install redis-server, brew install redis).",
  });
  const logs = join(folder, "logs");
  const data = join(folder, "clickhouse");
  for (const path of [logs, data, join(folder, "redis")]) mkdirSync(path, { recursive: true });
  const leash = (await isOnPath("setpriv")) ? ["setpriv", "--pdeathsig", "KILL"] : [];
  const processes: ManagedProcess[] = [];
  const manage = (
    name: string,
    line: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): ManagedProcess => {
    const [command, ...args] = [...leash, ...line] as [string, ...string[]];
    const logFile = join(logs, `${name}.log`);
    const managed = new ManagedProcess({ name, command, args, environment, logFile, onCrash });
    processes.push(managed);
    return managed;
  };

  const noMounts = await whyNoMounts();
  if (noMounts === null) {
    // A disk of its own, so that it can be full. Removed with the folder's owner by `stop`.
    await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", data]);
  }
  const clickhousePort = await stablePort();
  const clickhouseUrl = `http://127.0.0.1:${clickhousePort}`;
  const clickhouse = manage(
    "clickhouse",
    [
      ...(noMounts === null ? ownMounts : []),
      process.execPath,
      inRepository("packages/clickhouse-embedded/bin/clickhouse-embedded.cjs"),
      ...["--data-dir", join(data, "data"), "--port", String(clickhousePort)],
    ],
    { CLICKHOUSE_PASSWORD: PASSWORD },
  );
  const clickhouseAnswers = () =>
    untilTrue(
      "ClickHouse answers",
      async () => (await fetch(`${clickhouseUrl}/ping`).catch(() => undefined))?.ok === true,
    );

  const redisPort = await stablePort();
  const redisFile = join(folder, "redis", "redis.conf");
  const redisConfig = (lines: readonly string[]) =>
    writeFile(redisFile, lines.map((line) => `${line}\n`).join(""));
  await redisConfig([]);
  const redis = manage("redis", [
    "redis-server",
    redisFile,
    ...["--port", String(redisPort), "--bind", "127.0.0.1", "--dir", join(folder, "redis")],
    ...["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"],
    ...["--user", REDIS_USER, "on", `>${REDIS_PASSWORD}`, "~*", "&*", "+@all"],
  ]);

  const closers: (() => Promise<unknown> | unknown)[] = [];
  const stop = async () => {
    for (const one of processes) one.thaw();
    for (const close of closers.splice(0).reverse()) await close();
    await Promise.all(processes.map((one) => one.kill()));
    if (noMounts === null) await run("umount", ["--lazy", data]).catch(() => undefined);
  };
  try {
    clickhouse.start();
    redis.start();
    await clickhouseAnswers();
    if (!redis.isRunning) throw new Error(`Redis ended at once; see ${join(logs, "redis.log")}`);
    const proxy = await ClickHouseProxy.start(clickhouseUrl, PASSWORD);
    closers.push(() => proxy.close());
    const redisProxy = await TcpProxy.start(redisPort);
    closers.push(() => redisProxy.close());
    const redisAdmin = new Redis({ port: redisPort, maxRetriesPerRequest: null });
    redisAdmin.on("error", () => undefined);
    closers.push(() => redisAdmin.disconnect());
    await redisAdmin.ping();
    const admin: ClickHouseClient = createClient({
      url: clickhouseUrl,
      password: PASSWORD,
      log: { level: 127 },
    });
    closers.push(() => admin.close());
    const rows = new StoredRows(admin, DATABASE);

    const app = async (name: AppName, environment: Readonly<Record<string, string>>): Promise<App> => {
      const port = await stablePort();
      const process_ = manage(name, [process.execPath, inRepository("apps", name, "dist/main.js")], {
        [`${name.toUpperCase()}_PORT`]: String(port),
        CLICKHOUSE_URL: proxy.url,
        CLICKHOUSE_PASSWORD: PASSWORD,
        CLICKHOUSE_DATABASE: DATABASE,
        REDIS_URL: `redis://${REDIS_USER}:${REDIS_PASSWORD}@127.0.0.1:${redisProxy.port}`,
        LOG_LEVEL: "info",
        ...environment,
      });
      return { name, process: process_, url: `http://127.0.0.1:${port}`, logFile: join(logs, `${name}.log`) };
    };
    const apps = {
      ingest: await app("ingest", { QUEUE_DELAY_MS: "50" }),
      // A run that was under way when Redis began to refuse is given to another worker after its lock.
      worker: await app("worker", {
        WORKER_LOCK_MS: String(LOCK_MS),
        WORKER_STALLED_INTERVAL_MS: String(LOCK_MS),
      }),
      console: await app("console", {}),
    };
    const filling = join(data, "filling");
    const system: FaultSystem = {
      apps,
      clickhouse,
      proxy,
      redis,
      redisAdmin,
      redisPort,
      redisConfig,
      redisProxy,
      disk: noMounts === null ? { store: join(data, "data", "store") } : { impossible: noMounts },
      folder,
      clickhouseAnswers,
      async sql(statement) {
        await admin.command({ query: statement });
      },
      async fillDisk() {
        const { bavail, bsize } = statfsSync(data);
        await writeFile(filling, Buffer.alloc(bavail * bsize)).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOSPC") throw error;
        });
      },
      freeDisk: () => rm(filling, { force: true }),
      async lagging() {
        return (await rows.lag()).aggregates + (await rows.sessionLag()).aggregates;
      },
      start(environment = {}) {
        for (const name of appNames) apps[name].process.start(environment);
      },
      async ready(timeoutMs) {
        await Promise.all(
          appNames.map((name) =>
            untilTrue(
              `${name} is ready`,
              async () => (await fetch(`${apps[name].url}/readyz`).catch(() => undefined))?.ok === true,
              { timeoutMs },
            ),
          ),
        );
      },
      manage: (name, line) => {
        const managed = manage(name, line);
        managed.start();
        return managed;
      },
      stop,
    };
    system.start();
    await system.ready(240_000);
    return system;
  } catch (error) {
    await stop();
    throw error;
  }
}
