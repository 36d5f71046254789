import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stablePort, untilTrue } from "@es/tooling-chaos/system";
import { Redis } from "ioredis";
import { type Expected, type Fault, well } from "./fault.js";
import { appNames, type FaultSystem, REDIS_PASSWORD, REDIS_USER } from "./system.js";

/** The worker cannot work. Ingest acknowledges all the same, with a note, for the reconciler will schedule. */
function named(text: RegExp): Fault["expected"] {
  return { worker: { status: 503, text }, ingest: { status: 200, text } };
}

type Rest = Pick<Fault, "name" | "description" | "expected" | "begin" | "end"> &
  Partial<Pick<Fault, "works" | "environment" | "endsWithinMs">>;

const redisFault = (rest: Rest): Fault => ({ engine: "Redis", ingest: 200, ...rest });

/** A state that is one setting of Redis, changed and changed back. */
const setting = (
  name: string,
  description: string,
  text: RegExp,
  key: string,
  [broken, whole]: readonly [string, string],
  afterwards: (redis: Redis) => Promise<unknown> = async () => undefined,
): Fault =>
  redisFault({
    name,
    description,
    expected: named(text),
    async begin({ redisAdmin }) {
      await redisAdmin.config("SET", key, broken);
      await afterwards(redisAdmin);
    },
    async end({ redisAdmin }) {
      await redisAdmin.config("SET", key, whole);
    },
  });

const killApps = (redis: Redis) => redis.call("CLIENT", "KILL", "USER", REDIS_USER).catch(() => undefined);

/** A connection that waits for nothing: a Redis that loads takes few commands. */
async function withRedis<T>(port: number, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({
    port,
    enableReadyCheck: false,
    maxRetriesPerRequest: 3,
    disableClientInfo: true,
  });
  redis.on("error", () => undefined);
  return work(redis).finally(() => redis.disconnect());
}

const FILLERS = 3_000;
const LOAD_DELAY_US = "20000";

const users = ["--user", REDIS_USER, "on", `>${REDIS_PASSWORD}`, "~*", "&*", "+@all"];

async function startRedis(system: FaultSystem, name: string, more: readonly string[]): Promise<number> {
  const port = await stablePort();
  const folder = join(system.folder, name);
  await mkdir(folder, { recursive: true });
  system.manage(`${name}-${port}`, [
    "redis-server",
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"],
    ...more,
  ]);
  await untilTrue(`${name} answers`, () =>
    withRedis(port, async (redis) => (await redis.ping().catch(() => "")) === "PONG"),
  );
  return port;
}

/** Where the name of Redis points while it is failed over. */
let promoted: number | undefined;

const failover = redisFault({
  name: "failover behind one name",
  description:
    "a replica is promoted and gets the name; old connections stay open to the server that is a replica now",
  expected: {},
  works: true,
  async begin(system) {
    const { redisPort, redisProxy } = system;
    const port = await startRedis(system, "redis-replica", [
      ...users,
      "--maxmemory-policy",
      "noeviction",
      "--replicaof",
      "127.0.0.1",
      String(redisPort),
    ]);
    promoted = port;
    await untilTrue("the replica has everything", () =>
      withRedis(port, async (redis) => (await redis.info("replication")).includes("master_link_status:up")),
    );
    await withRedis(port, (redis) => redis.call("REPLICAOF", "NO", "ONE"));
    redisProxy.retarget(port);
    await system.redisAdmin.call("REPLICAOF", "127.0.0.1", String(port));
  },
  async end(system) {
    const { redisPort, redisProxy, redisAdmin } = system;
    const port = promoted;
    if (port === undefined) return;
    await untilTrue("the old primary has everything", async () =>
      (await redisAdmin.info("replication")).includes("master_link_status:up"),
    );
    await redisAdmin.call("REPLICAOF", "NO", "ONE");
    redisProxy.retarget(redisPort);
    await withRedis(port, (redis) => redis.call("REPLICAOF", "127.0.0.1", String(redisPort)));
    promoted = undefined;
  },
});

let flushing: NodeJS.Timeout | undefined;
let clusterNode = 0;

/** Of the harness, of connecting, and of what no user can be forbidden. */
const NOT_THE_APPS =
  /^(acl|config|auth|hello|quit|replicaof|psync|replconf|save|bgsave|script\|flush|client\|kill|client\|list|command)/;

/** Commands of a run, with those that scripts call: Redis counts both. */
async function usedCommands(system: FaultSystem): Promise<readonly string[]> {
  await system.redisAdmin.config("RESETSTAT");
  // What is only said when connecting belongs to it.
  await Promise.all(appNames.map((name) => system.apps[name].process.stop(10_000)));
  system.start();
  await system.ready(60_000);
  await sleep(6_000);
  const stats = await system.redisAdmin.info("commandstats");
  return [...stats.matchAll(/^cmdstat_([^:]+):/gm)]
    .map(([, name = ""]) => name.toLowerCase())
    .filter((name) => !NOT_THE_APPS.test(name))
    .sort();
}

/** The worker names the command, or works without it. */
function forbidding(command: string): Fault {
  const plain = command.split("|")[0] ?? command;
  const either: Expected = {
    status: "either",
    text: new RegExp(`(forbid|NOPERM|not (run|known)).*\\b${plain}\\b|"status":"ok"`, "is"),
  };
  return {
    ...redisFault({
      name: `forbidden: ${command}`,
      description: `the user may not run ${command.toUpperCase().replace("|", " ")}`,
      expected: { worker: either, ingest: well },
      async begin({ redisAdmin }) {
        await redisAdmin.call("ACL", "SETUSER", REDIS_USER, `-${command}`);
      },
      async end({ redisAdmin }) {
        await redisAdmin.call("ACL", "SETUSER", REDIS_USER, "+@all");
      },
    }),
    brief: true,
  };
}

export const redisFaults: readonly Fault[] = [
  redisFault({
    name: "wrong password",
    description: "the password of the user was changed, and its connections closed",
    expected: named(/WRONGPASS|refuses the user or password/),
    async begin({ redisAdmin }) {
      await redisAdmin.call("ACL", "SETUSER", REDIS_USER, "resetpass", ">another");
      await killApps(redisAdmin);
    },
    async end({ redisAdmin }) {
      await redisAdmin.call("ACL", "SETUSER", REDIS_USER, "resetpass", `>${REDIS_PASSWORD}`);
    },
  }),
  redisFault({
    name: "READONLY",
    description: "it is a replica, from the start of apps as well",
    expected: named(/replica/),
    begin: async ({ redisAdmin }) =>
      void (await redisAdmin.call("REPLICAOF", "127.0.0.1", String(await stablePort()))),
    end: async ({ redisAdmin }) => void (await redisAdmin.call("REPLICAOF", "NO", "ONE")),
  }),
  failover,
  redisFault({
    name: "LOADING",
    description: "it was started and reads its data",
    expected: named(/loading/i),
    async begin({ redis, redisAdmin, redisConfig, redisPort }) {
      const pipeline = redisAdmin.pipeline();
      for (let i = 0; i < FILLERS; i++) pipeline.set(`filler:${i}`, "x".repeat(32));
      await pipeline.exec();
      await redisAdmin.call("SAVE");
      await redis.kill();
      await redisConfig([`key-load-delay ${LOAD_DELAY_US}`, "loading-process-events-interval-bytes 1024"]);
      redis.start();
      await untilTrue("Redis loads", () =>
        withRedis(redisPort, async (probe) =>
          /LOADING/.test(await probe.get("none").then(String, (error: Error) => error.message)),
        ),
      );
    },
    async end({ redisAdmin, redisConfig, redisPort }) {
      await redisConfig([]);
      await withRedis(redisPort, (redis) => redis.config("SET", "key-load-delay", "0"));
      const pipeline = redisAdmin.pipeline();
      for (let i = 0; i < FILLERS; i++) pipeline.del(`filler:${i}`);
      await pipeline.exec();
    },
  }),
  setting("OOM", "it has reached its maxmemory and evicts nothing", /maxmemory/, "maxmemory", ["1mb", "0"]),
  redisFault({
    name: "MISCONF",
    description: "it cannot save its data and takes no writes",
    expected: named(/MISCONF|cannot save/),
    async begin({ redisAdmin, folder }) {
      // A folder where the file should be.
      const file = join(folder, "redis", "dump.rdb");
      await rm(file, { recursive: true, force: true });
      await mkdir(file);
      await redisAdmin.config("SET", "save", "3600 1");
      await redisAdmin.call("BGSAVE");
      await untilTrue("the save fails", async () =>
        (await redisAdmin.info("persistence")).includes("rdb_last_bgsave_status:err"),
      );
    },
    async end({ redisAdmin, folder }) {
      await redisAdmin.config("SET", "save", "");
      await rm(join(folder, "redis", "dump.rdb"), { recursive: true, force: true });
    },
  }),
  setting(
    "max clients",
    "it has as many clients as it takes",
    // Redis says why and hangs up at once; what it says may be lost on the way.
    /max number of clients|maxclients|cannot be reached/,
    "maxclients",
    ["1", "10000"],
    killApps,
  ),
  redisFault({
    name: "SCRIPT FLUSH",
    description: "scripts are forgotten ten times a second",
    expected: {},
    works: true,
    async begin({ redisAdmin }) {
      flushing = setInterval(() => void redisAdmin.script("FLUSH").catch(() => undefined), 100);
    },
    async end() {
      clearInterval(flushing);
    },
  }),
  redisFault({
    name: "TLS on a plain port",
    description: "`REDIS_URL` begins with `rediss://`, and the port speaks no TLS",
    expected: named(/TLS|rediss:/),
    environment: ({ redisProxy }) => ({
      REDIS_URL: `rediss://${REDIS_USER}:${REDIS_PASSWORD}@127.0.0.1:${redisProxy.port}`,
    }),
    begin: async () => {},
    end: async () => {},
  }),
  redisFault({
    name: "cluster node",
    description: "`REDIS_URL` names a node of a Redis Cluster that does not hold the keys",
    expected: named(/Redis Cluster/),
    environment: () => ({ REDIS_URL: `redis://127.0.0.1:${clusterNode}` }),
    async begin(system) {
      const cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
      clusterNode = await startRedis(system, "redis-cluster-a", cluster);
      const other = await startRedis(system, "redis-cluster-b", cluster);
      await withRedis(other, (redis) => redis.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383"));
      await withRedis(clusterNode, (redis) => redis.call("CLUSTER", "MEET", "127.0.0.1", String(other)));
      await untilTrue("the node knows who holds the keys", () =>
        withRedis(clusterNode, async (redis) =>
          /MOVED/.test(await redis.get("none").then(String, (error: Error) => error.message)),
        ),
      );
    },
    end: async () => {},
  }),
  redisFault({
    name: "hangs",
    description: "connections are taken and nothing is answered",
    expected: {
      worker: { status: 503, text: /no answer within/ },
      ingest: { status: 200, text: /no answer within/ },
    },
    endsWithinMs: 30_000,
    async begin({ redis }) {
      redis.freeze();
    },
    async end({ redis }) {
      redis.thaw();
    },
  }),
  redisFault({
    name: "gone",
    description: "its process is gone, with all it held",
    expected: named(/cannot be reached|ECONNREFUSED|ECONNRESET/),
    begin: ({ redis }) => redis.kill(),
    end: async ({ redis }) => redis.start(),
  }),
  {
    ...redisFault({
      name: "forbidden",
      description: "the user may not run a command: each that a run uses, in turn",
      expected: {},
      begin: async () => {},
      end: async () => {},
    }),
    each: async (system) => (await usedCommands(system)).map(forbidding),
  },
];
