import { startTestEngines } from "./testEngines.js";

/** Vitest global setup: makes `CLICKHOUSE_URL` and `REDIS_URL` true for the tests' processes. */
export default async function setup(): Promise<() => Promise<void>> {
  const engines = await startTestEngines();
  process.env.CLICKHOUSE_URL = engines.clickhouse.url;
  process.env.REDIS_URL = engines.redis.url;
  return () => engines.close();
}
