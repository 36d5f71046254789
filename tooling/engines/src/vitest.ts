import { startTestServices } from "./testServices.js";

/** Vitest global setup: makes `CLICKHOUSE_URL` and `REDIS_URL` true for the tests' processes. */
export default async function setup(): Promise<() => Promise<void>> {
  const services = await startTestServices();
  process.env.CLICKHOUSE_URL = services.clickhouse.url;
  process.env.REDIS_URL = services.redis.url;
  return () => services.close();
}
