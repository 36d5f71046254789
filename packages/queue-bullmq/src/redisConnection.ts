import { type Cluster, Redis, type RedisOptions } from "ioredis";

/** What a queue or a worker needs of a client, in the shape of ioredis' options for a Cluster. */
export interface RedisClientOptions {
  readonly enableOfflineQueue: boolean;
  readonly redisOptions: { readonly maxRetriesPerRequest: number | null };
}

/**
 * Where Redis is: a URL, ioredis options (Sentinel included), or for Redis Cluster a function that makes the client with
 * the options it is given: `(options) => new Cluster(nodes, options)`.
 */
export type RedisConnection = string | RedisOptions | ((options: RedisClientOptions) => Redis | Cluster);

/** Never gives up; a returning Redis is found within a second. */
const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1_000);

/** For calls that somebody waits for: they fail at once while Redis is down. */
export function connectProducer(connection: RedisConnection): Redis | Cluster {
  return connect(connection, { enableOfflineQueue: false, redisOptions: { maxRetriesPerRequest: 1 } });
}

/** For workers, which have nothing better to do than to wait for Redis. */
export function connectWorker(connection: RedisConnection): Redis | Cluster {
  return connect(connection, { enableOfflineQueue: true, redisOptions: { maxRetriesPerRequest: null } });
}

export function isReady(redis: Redis | Cluster): boolean {
  // BullMQ takes a Cluster for usable from "connect" on.
  return redis.status === "ready" || (redis.isCluster && redis.status === "connect");
}

function connect(connection: RedisConnection, options: RedisClientOptions): Redis | Cluster {
  if (typeof connection === "function") return connection(options);
  const { enableOfflineQueue, redisOptions } = options;
  const ours = { ...redisOptions, enableOfflineQueue, retryStrategy, replyMapping: "legacy" } as const;
  return typeof connection === "string" ? new Redis(connection, ours) : new Redis({ ...connection, ...ours });
}
