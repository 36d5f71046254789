import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { NewApiKey } from "@es/api-keys";
import { ensureSystemPackage, isOnPath } from "@es/tooling-engines";
import { Redis } from "ioredis";
import { type DefenceName, defenceEnvironment } from "../defences/defences.js";
import type { Offence } from "../oracle/offence.js";
import { builtFile, inRepository } from "../repository.js";
import { ManagedProcess, untilTrue } from "./managedProcess.js";
import { ownMounts, whyNoMounts } from "./mountNamespace.js";
import { stablePort } from "./stablePort.js";
import { TcpProxy } from "./tcpProxy.js";

export interface SystemOptions {
  /** Holds data and logs; its owner removes it. */
  readonly folder: string;
  /** API key by tenant. */
  readonly apiKeys: ReadonlyMap<string, NewApiKey>;
  /** Defences to run without. */
  readonly without: readonly DefenceName[];
  readonly onCrash: (how: string) => void;
  readonly onOffence: (offence: Offence) => void;
}

/** An app and the network around it. */
export interface App {
  readonly process: ManagedProcess;
  /** Where it listens itself. */
  readonly url: string;
  /** Between it and ClickHouse. */
  readonly clickhouse: TcpProxy;
  /** Between it and Redis; what the console has is not used. */
  readonly redis: TcpProxy;
}

/** An ingest, and the network between its clients and it. */
export interface IngestApp extends App {
  readonly clients: TcpProxy;
}

/** Two ingests, two workers, a console, and their engines: each a process of its own, on ports that outlast it. */
export interface System {
  readonly folder: string;
  readonly ingests: readonly IngestApp[];
  readonly workers: readonly App[];
  readonly console: App;
  /** That which has the name now. */
  readonly redis: ManagedProcess;
  readonly clickhouse: ManagedProcess;
  /** Around every proxy: for whoever watches. */
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  /**
   * Makes a replica the primary and gives it the name: new connections reach it, old ones stay with the server that is its
   * replica from then on.
   */
  failOverRedis(): Promise<void>;
  /** An app did something that no fault excuses. */
  readonly onOffence: (offence: Offence) => void;
  /** Of ClickHouse's parts: what becomes read-only. `null` with the reason where that can't be done. */
  readonly disk: { readonly folder: string } | { readonly impossible: string };
  /** Resolves when all processes run and say they are ready. */
  ready(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void>;
  clickhouseAnswers(): Promise<boolean>;
  stop(): Promise<void>;
}

export const QUEUE_NAME = "trace-projections";
export const SESSION_QUEUE_NAME = "session-projections";
export const QUEUE_PREFIX = "{chaos}";
export const DATABASE = "chaos";
/** So short that a run of minutes sees locks lost and lags found; the defaults are in docs/operations.md. */
export const LOCK_MS = 3_000;
export const RECONCILE_INTERVAL_MS = 3_000;

const RESTART_AFTER_MS = 500;

/** Starts everything and waits until it is ready. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { folder, without } = options;
  let stopping = false;
  await ensureSystemPackage({
    command: "redis-server",
    aptPackage: "redis-server",
    advice:
      "Chaos needs a Redis it may kill: install redis-server (apt-get install redis-server, brew install redis).",
  });
  const logs = join(folder, "logs");
  mkdirSync(logs, { recursive: true });

  // A harness that is killed takes its processes with it, where the system can do that.
  const leash = (await isOnPath("setpriv")) ? ["setpriv", "--pdeathsig", "KILL"] : [];
  const manage = (
    name: string,
    line: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): ManagedProcess => {
    const [command, ...args] = [...leash, ...line] as [string, ...string[]];
    const onCrash = (how: string) => {
      options.onCrash(how);
      // As whatever supervises apps does.
      setTimeout(() => {
        if (!stopping) managed.start();
      }, RESTART_AFTER_MS);
    };
    const managed = new ManagedProcess({
      name,
      command,
      args,
      environment,
      logFile: join(logs, `${name}.log`),
      onCrash,
    });
    return managed;
  };

  const apiKeys = JSON.stringify({
    keys: [...options.apiKeys].map(([tenant, { hash }]) => ({ tenant, hash, scopes: ["ingest", "read"] })),
  });

  const redisNamed = async (name: string) => {
    const port = await stablePort();
    mkdirSync(join(folder, name), { recursive: true });
    const managed = manage(name, [
      "redis-server",
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", join(folder, name)],
      ...["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"],
    ]);
    return { process: managed, port, url: `redis://127.0.0.1:${port}` };
  };
  let primary = await redisNamed("redis");
  let standby = await redisNamed("redis-standby");

  const clickhousePort = await stablePort();
  const noMounts = await whyNoMounts();
  const clickhouse = manage("clickhouse", [
    ...(noMounts === null ? ownMounts : []),
    process.execPath,
    inRepository("packages/clickhouse-embedded/bin/clickhouse-embedded.cjs"),
    ...["--data-dir", join(folder, "clickhouse"), "--port", String(clickhousePort)],
  ]);
  const clickhouseUrl = `http://127.0.0.1:${clickhousePort}`;
  const clickhouseAnswers = async () =>
    (await fetch(`${clickhouseUrl}/ping`).catch(() => undefined))?.ok === true;

  const proxies: TcpProxy[] = [];
  const redisProxies: TcpProxy[] = [];
  const proxy = async (port: number) => {
    const started = await TcpProxy.start(port);
    proxies.push(started);
    return started;
  };
  const app = async (
    app: "ingest" | "worker" | "console",
    number: number,
    environment: Readonly<Record<string, string>>,
  ): Promise<App & { readonly port: number }> => {
    const port = await stablePort();
    const toClickhouse = await proxy(clickhousePort);
    const toRedis = await proxy(primary.port);
    redisProxies.push(toRedis);
    const preload = (file: string) => ["--import", pathToFileURL(builtFile(file)).href];
    const process_ = manage(
      app === "console" ? app : `${app}-${number}`,
      [
        process.execPath,
        ...preload("preload/shiftedClock.js"),
        ...(without.length === 0 ? [] : preload("defences/removeDefences.js")),
        inRepository("apps", app, "dist/main.js"),
      ],
      {
        [`${app.toUpperCase()}_PORT`]: String(port),
        CLICKHOUSE_URL: `http://127.0.0.1:${toClickhouse.port}`,
        CLICKHOUSE_DATABASE: DATABASE,
        REDIS_URL: `redis://127.0.0.1:${toRedis.port}`,
        QUEUE_NAME,
        SESSION_QUEUE_NAME,
        QUEUE_PREFIX,
        LOG_LEVEL: "info",
        ...(app === "worker" ? {} : { API_KEYS: apiKeys }),
        ...defenceEnvironment(without),
        ...environment,
      },
    );
    return {
      process: process_,
      port,
      url: `http://127.0.0.1:${port}`,
      clickhouse: toClickhouse,
      redis: toRedis,
    };
  };
  const ingest = async (number: number): Promise<IngestApp> => {
    const started = await app("ingest", number, { QUEUE_DELAY_MS: "100" });
    return { ...started, clients: await proxy(started.port) };
  };
  const worker = (number: number) =>
    app("worker", number, {
      WORKER_LOCK_MS: String(LOCK_MS),
      WORKER_STALLED_INTERVAL_MS: String(LOCK_MS),
      RECONCILE_INTERVAL_MS: String(RECONCILE_INTERVAL_MS),
      RECONCILE_EVERYTHING_INTERVAL_MS: String(5 * RECONCILE_INTERVAL_MS),
    });

  const ingests = [await ingest(1), await ingest(2)];
  const workers = [await worker(1), await worker(2)];
  const console_ = await app("console", 1, {});
  const apps = [...ingests, ...workers, console_];
  // The standby runs from the first failover on.
  const processes = [primary.process, standby.process, clickhouse, ...apps.map((one) => one.process)];

  const system: System = {
    folder,
    ingests,
    workers,
    console: console_,
    get redis() {
      return primary.process;
    },
    clickhouse,
    get redisUrl() {
      return primary.url;
    },
    onOffence: options.onOffence,
    async failOverRedis() {
      standby.process.start();
      await replicate(standby.url, primary.port);
      await withRedis(standby.url, (redis) => redis.call("REPLICAOF", "NO", "ONE"));
      for (const one of redisProxies) one.retarget(standby.port);
      await withRedis(primary.url, (redis) => redis.call("REPLICAOF", "127.0.0.1", String(standby.port)));
      [primary, standby] = [standby, primary];
    },
    clickhouseUrl,
    disk: noMounts === null ? { folder: join(folder, "clickhouse", "store") } : { impossible: noMounts },
    clickhouseAnswers,
    async ready(readyOptions) {
      await untilTrue("ClickHouse answers", clickhouseAnswers, readyOptions);
      await Promise.all(
        apps.map(({ process: { name }, url }) =>
          untilTrue(
            `${name} is ready`,
            async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true,
            readyOptions,
          ),
        ),
      );
    },
    async stop() {
      stopping = true;
      for (const one of processes) one.thaw();
      for (const one of proxies) one.calm();
      // The apps drain while their engines still answer.
      await Promise.all(apps.map((one) => one.process.stop(5_000)));
      await Promise.all([clickhouse.stop(5_000), primary.process.kill(), standby.process.kill()]);
      await Promise.all(proxies.map((one) => one.close()));
    },
  };
  try {
    for (const one of processes) if (one !== standby.process) one.start();
    await system.ready({ timeoutMs: 60_000 });
    return system;
  } catch (error) {
    stopping = true;
    await Promise.all(processes.map((one) => one.kill()));
    await Promise.all(proxies.map((one) => one.close()));
    throw error;
  }
}

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 5 });
  redis.on("error", () => undefined);
  return work(redis).finally(() => redis.disconnect());
}

/** Resolves when the server has all that the other one has. */
async function replicate(url: string, fromPort: number): Promise<void> {
  await withRedis(url, async (redis) => {
    await redis.call("REPLICAOF", "127.0.0.1", String(fromPort));
    await untilTrue("the replica has everything", async () =>
      (await redis.info("replication")).includes("master_link_status:up"),
    );
  });
}
