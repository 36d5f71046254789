import { dockerIsUsable, startClickHouseContainer, startRedisContainer } from "./containers.js";
import { startLocalClickHouse } from "./localClickHouse.js";
import { startLocalRedis } from "./localRedis.js";

/** One engine the tests talk to. */
export interface TestService {
  readonly url: string;
  /** Where it comes from, for the run's summary: "CLICKHOUSE_URL", "container …", "local …". */
  readonly source: string;
  close(): Promise<void>;
}

export interface TestServices {
  readonly clickhouse: TestService;
  readonly redis: TestService;
  close(): Promise<void>;
}

/**
 * A real ClickHouse and a real Redis: the ones named by `CLICKHOUSE_URL` and `REDIS_URL`; else containers, where a Docker
 * daemon answers and has or can pull the images; else processes of this machine. Rejects, saying what to do, if an engine
 * cannot be had: nothing is skipped and nothing is mocked.
 */
export async function startTestServices(): Promise<TestServices> {
  const docker = await dockerIsUsable();
  const clickhouse =
    given("CLICKHOUSE_URL") ??
    (docker ? await startClickHouseContainer() : undefined) ??
    (await startLocalClickHouse());
  try {
    const redis =
      given("REDIS_URL") ?? (docker ? await startRedisContainer() : undefined) ?? (await startLocalRedis());
    return {
      clickhouse,
      redis,
      close: async () => {
        await Promise.all([clickhouse.close(), redis.close()]);
      },
    };
  } catch (error) {
    await clickhouse.close();
    throw error;
  }
}

function given(variable: string): TestService | undefined {
  const url = process.env[variable];
  return url ? { url, source: variable, close: async () => {} } : undefined;
}
