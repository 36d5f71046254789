import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { Redis } from "ioredis";

/** @throws saying at which address no ClickHouse answers */
export async function clickHouseVersion(url: string): Promise<string> {
  const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
  try {
    const answer = await client.query({ query: "SELECT version() AS version", format: "JSONEachRow" });
    const [row] = await answer.json<{ readonly version: string }>();
    if (row === undefined) throw new Error("it answered SELECT version() with nothing");
    return row.version;
  } catch (error) {
    throw new Error(`No ClickHouse answers at ${withoutPassword(url)}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await client.close();
  }
}

/** @throws saying at which address no Redis answers */
export async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  try {
    await redis.connect();
    const version = /^redis_version:(\S+)/m.exec(await redis.info("server"))?.[1];
    if (version === undefined) throw new Error("its INFO names no redis_version");
    return version;
  } catch (error) {
    throw new Error(`No Redis answers at ${withoutPassword(url)}: ${messageOf(error)}`, { cause: error });
  } finally {
    redis.disconnect();
  }
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = "";
  return shown.href;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
