import { connect as connectSocket } from "node:net";
import { type Cluster, Redis, type RedisOptions } from "ioredis";
import { asksForNewConnection, asQueueError, isHangUp } from "./queueErrors.js";

/** What a queue or a worker needs of a client, in the shape of ioredis' options for a Cluster. */
export interface RedisClientOptions {
  readonly enableOfflineQueue: boolean;
  readonly redisOptions: {
    readonly maxRetriesPerRequest: number | null;
    readonly reconnectOnError: (error: Error) => boolean;
  };
}

/**
 * Where Redis is: a URL, ioredis options (Sentinel included), or for Redis Cluster a function that makes the client with
 * the options it is given: `(options) => new Cluster(nodes, options)`.
 */
export type RedisConnection = string | RedisOptions | ((options: RedisClientOptions) => Redis | Cluster);

/** Never gives up; a returning Redis is found within a second. */
const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1_000);

/** From the call to a connection that can be used, as far as TCP and TLS take. */
const CONNECT_TIMEOUT_MS = 5_000;

/** A server that stays a replica is not connected to more often. */
const RECONNECT_EVERY_MS = 1_000;

/** For calls that somebody waits for: they fail at once while Redis is down. */
export function connectProducer(connection: RedisConnection): Redis | Cluster {
  return connect(connection, {
    enableOfflineQueue: false,
    redisOptions: { maxRetriesPerRequest: 1, reconnectOnError: reconnectAfterFailover() },
  });
}

/** For workers, which have nothing better to do than to wait for Redis. */
export function connectWorker(connection: RedisConnection): Redis | Cluster {
  return connect(connection, {
    enableOfflineQueue: true,
    redisOptions: { maxRetriesPerRequest: null, reconnectOnError: reconnectAfterFailover() },
  });
}

export function isReady(redis: Redis | Cluster): boolean {
  // BullMQ takes a Cluster for usable from "connect" on.
  return redis.status === "ready" || (redis.isCluster && redis.status === "connect");
}

function connect(connection: RedisConnection, options: RedisClientOptions): Redis | Cluster {
  if (typeof connection === "function") return connection(options);
  const { enableOfflineQueue, redisOptions } = options;
  const ours = { ...redisOptions, enableOfflineQueue, retryStrategy, replyMapping: "legacy" } as const;
  const connectTimeout = CONNECT_TIMEOUT_MS;
  const given = typeof connection === "string" ? {} : connection;
  // The check needs INFO, which a user may not be allowed, and says so on the console at each connection. Behind Sentinel
  // it is what tells a primary.
  const enableReadyCheck = given.enableReadyCheck ?? given.sentinels !== undefined;
  return typeof connection === "string"
    ? new Redis(connection, { connectTimeout, ...ours, enableReadyCheck })
    : new Redis({ connectTimeout, ...given, ...ours, enableReadyCheck });
}

/** The failure of a check, or why Redis hung up, if it says so. */
export async function withReason(redis: Redis | Cluster, error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !isHangUp(error)) return error;
  const words = await wordsBeforeHangUp(redis);
  return words === null ? error : asQueueError(words);
}

const GREETING_MS = 500;

/**
 * What Redis says to a client before it hangs up: that it has too many, or takes none from other machines. A client that
 * talks at once, as ioredis does, mostly gets a reset connection instead of these words, so this one only listens. `null`
 * where Redis says nothing or cannot be asked like this.
 */
async function wordsBeforeHangUp(redis: Redis | Cluster): Promise<Error | null> {
  if (!(redis instanceof Redis)) return null;
  const { host, port, path, tls, sentinels } = redis.options;
  if (tls !== undefined || sentinels) return null;
  const socket = path ? connectSocket(path) : connectSocket(port ?? 6379, host ?? "localhost");
  return new Promise((resolve) => {
    const end = (words: string) => {
      socket.destroy();
      resolve(
        words.startsWith("-")
          ? Object.assign(new Error(words.slice(1).trim()), { name: "ReplyError" })
          : null,
      );
    };
    socket.setTimeout(GREETING_MS, () => end(""));
    socket.once("error", () => end(""));
    socket.once("close", () => end(""));
    socket.once("data", (data) => end(data.toString("utf8", 0, 1_000)));
  });
}

/** A connection outlives a failover, but its server takes no more writes: connects anew, to whatever has the name now. */
function reconnectAfterFailover(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!asksForNewConnection(error)) return false;
    const now = performance.now();
    if (now - last < RECONNECT_EVERY_MS) return false;
    last = now;
    return true;
  };
}
