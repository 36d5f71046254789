import { type Cluster, Redis, type RedisOptions } from "ioredis";

/**
 * Where Redis is: a URL, ioredis options (Sentinel included), or a function that makes a client with the options it is
 * given, for Redis Cluster: `(redisOptions) => new Cluster(nodes, { redisOptions, … })`.
 */
export type RedisConnection = string | RedisOptions | ((options: RedisOptions) => Redis | Cluster);

/** Never gives up; a returning Redis is found within a second. */
const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1_000);

/** For calls that somebody waits for: they fail at once while Redis is down. */
export function connectProducer(connection: RedisConnection): Redis | Cluster {
  return connect(connection, { enableOfflineQueue: false, maxRetriesPerRequest: 1, retryStrategy });
}

/** For workers, which have nothing better to do than to wait for Redis. */
export function connectWorker(connection: RedisConnection): Redis | Cluster {
  return connect(connection, { maxRetriesPerRequest: null, retryStrategy });
}

export function isReady(redis: Redis | Cluster): boolean {
  // BullMQ takes a Cluster for usable from "connect" on.
  return redis.status === "ready" || (redis.isCluster && redis.status === "connect");
}

function connect(connection: RedisConnection, options: RedisOptions): Redis | Cluster {
  if (typeof connection === "function") return connection(options);
  return typeof connection === "string"
    ? new Redis(connection, { ...options, replyMapping: "legacy" })
    : new Redis({ ...connection, ...options, replyMapping: "legacy" });
}
