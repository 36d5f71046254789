import {
  OFFICIAL_CLICKHOUSE_IMAGE,
  OFFICIAL_REDIS_IMAGE,
  startClickHouseContainer,
  startRedisContainer,
} from "./containers.js";
import { dockerIsUsable, imageIsAvailable } from "./docker.js";
import type { EngineProcess } from "./engineProcess.js";
import { clickHouseVersion, redisVersion } from "./engineVersion.js";
import { startLocalClickHouse } from "./localClickHouse.js";
import { startLocalRedis } from "./localRedis.js";

/** One engine the tests talk to. */
export interface TestEngine extends EngineProcess {
  /** As the engine itself says it. */
  readonly version: string;
}

export interface TestEngines {
  readonly clickhouse: TestEngine;
  readonly redis: TestEngine;
  /** What the containers run on. */
  readonly host?: string;
  close(): Promise<void>;
}

/**
 * A real ClickHouse and a real Redis: the ones named by `CLICKHOUSE_URL` and `REDIS_URL`; else containers, where a Docker
 * daemon answers and has or can pull the images; else processes of this machine. Rejects, saying what to do, if an engine
 * cannot be had: nothing is skipped and nothing is mocked.
 */
export function startTestEngines(): Promise<TestEngines> {
  let docker: Promise<boolean> | undefined;
  const canRun = async (image: string) => {
    docker ??= dockerIsUsable();
    return (await docker) && (await imageIsAvailable(image));
  };
  return startEngines(
    async () =>
      given("CLICKHOUSE_URL") ??
      ((await canRun(OFFICIAL_CLICKHOUSE_IMAGE))
        ? startClickHouseContainer({ name: OFFICIAL_CLICKHOUSE_IMAGE, local: false })
        : startLocalClickHouse()),
    async () =>
      given("REDIS_URL") ??
      ((await canRun(OFFICIAL_REDIS_IMAGE))
        ? startRedisContainer({ name: OFFICIAL_REDIS_IMAGE, local: false })
        : startLocalRedis()),
  );
}

/** Both or none, once they answer. */
export async function startEngines(
  startClickHouse: () => Promise<EngineProcess>,
  startRedis: () => Promise<EngineProcess>,
): Promise<TestEngines> {
  const started: EngineProcess[] = [];
  const close = async () => {
    await Promise.all(started.map((engine) => engine.close()));
  };
  const start = async (engine: () => Promise<EngineProcess>, versionOf: (url: string) => Promise<string>) => {
    const running = await engine();
    started.push(running);
    return { ...running, version: await versionOf(running.url) };
  };
  try {
    const clickhouse = await start(startClickHouse, clickHouseVersion);
    const redis = await start(startRedis, redisVersion);
    return { clickhouse, redis, close };
  } catch (error) {
    // What went wrong first is what matters.
    await close().catch(({ message }) => process.stderr.write(`An engine did not end: ${message}\n`));
    throw error;
  }
}

function given(variable: string): EngineProcess | undefined {
  const url = process.env[variable];
  return url ? { url, source: variable, close: async () => {} } : undefined;
}
