import { randomUUID } from "node:crypto";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { parseTenantId } from "@es/core";
import type { TestEngines } from "@es/tooling-engines";
import { Redis } from "ioredis";
import type { Pids } from "../harness/processUsage.js";

/** Whose everything is. */
export const BENCH_TENANT = parseTenantId("bench");

/** A database and a part of Redis that belong to one contender. */
export interface Place {
  readonly clickhouseUrl: string;
  readonly database: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly client: ClickHouseClient;
  readonly redis: Redis;
  /** Of the engines, where they are processes of this machine. */
  readonly pids: Pids;
  /** What an app has to be told to work here. */
  readonly environment: Readonly<Record<string, string>>;
  /** One figure from the engine. */
  count(sql: string): Promise<number>;
  empty(table: string): Promise<void>;
  /** Forgets what is queued. */
  forgetQueue(): Promise<void>;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 120_000;

export function takePlace({ clickhouse, redis: redisEngine }: TestEngines): Place {
  const id = randomUUID().replaceAll("-", "");
  const database = `bench_${id}`;
  const prefix = `{bench-${id}}`;
  const client = createClient({
    url: clickhouse.url,
    request_timeout: REQUEST_TIMEOUT_MS,
    log: { level: ClickHouseLogLevel.OFF },
  });
  const redis = new Redis(redisEngine.url);
  const forgetQueue = async () => {
    // Not FLUSHDB: the Redis may be somebody's.
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 }))
      if (keys.length > 0) await redis.unlink(...keys);
  };
  return {
    clickhouseUrl: clickhouse.url,
    database,
    redisUrl: redisEngine.url,
    prefix,
    client,
    redis,
    pids: {
      ...(clickhouse.pid === undefined ? {} : { ClickHouse: clickhouse.pid }),
      ...(redisEngine.pid === undefined ? {} : { Redis: redisEngine.pid }),
    },
    environment: {
      CLICKHOUSE_URL: clickhouse.url,
      CLICKHOUSE_DATABASE: database,
      REDIS_URL: redisEngine.url,
      QUEUE_PREFIX: prefix,
      TENANT_ID: BENCH_TENANT,
      LOG_LEVEL: "info",
    },
    async count(sql) {
      const result = await client.query({ query: sql, format: "JSONCompactEachRow" });
      const [row] = await result.json<readonly [string | number]>();
      return Number(row?.[0]);
    },
    async empty(table) {
      await client.command({ query: `TRUNCATE TABLE ${database}.${table} SYNC` });
    },
    forgetQueue,
    async close() {
      await client.command({ query: `DROP DATABASE IF EXISTS ${database} SYNC` });
      await client.close();
      await forgetQueue();
      redis.disconnect();
    },
  };
}
