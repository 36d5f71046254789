import {
  type ContainerImage,
  OFFICIAL_CLICKHOUSE_IMAGE,
  OFFICIAL_REDIS_IMAGE,
  startClickHouseContainer,
  startRedisContainer,
} from "./containers.js";
import { buildClickHouseImage, buildRedisImage, type ImageBuildOptions } from "./distributionImages.js";
import { imageIsAvailable } from "./docker.js";
import { ensureDockerDaemon } from "./dockerDaemon.js";
import { startEngines, type TestEngines } from "./testEngines.js";

/**
 * ClickHouse and Redis in containers, whatever it takes: the official images where a registry can be reached, else images
 * built from this machine's distribution and this repository; on the Docker daemon that answers, else on one of our own,
 * which `close()` ends. Rejects, saying what to do, if that cannot be had.
 */
export async function startContainerEngines(options: ImageBuildOptions): Promise<TestEngines> {
  const { step, signal } = options;
  const daemon = await step("Finding a Docker daemon", () => ensureDockerDaemon(signal));
  try {
    const clickhouse = await imageOf(OFFICIAL_CLICKHOUSE_IMAGE, buildClickHouseImage, options);
    const redis = await imageOf(OFFICIAL_REDIS_IMAGE, buildRedisImage, options);
    // Its helper that removes what a killed run leaves is an image of a registry's, too. We remove what we start.
    if (clickhouse.local || redis.local) process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
    const engines = await step("Starting the containers", () =>
      startEngines(
        () => startClickHouseContainer(clickhouse),
        () => startRedisContainer(redis),
      ),
    );
    return {
      ...engines,
      host: `Docker ${daemon.version}, ${daemon.source}`,
      close: () =>
        step("Ending the containers", async () => {
          try {
            await engines.close();
          } finally {
            await daemon.close();
          }
        }),
    };
  } catch (error) {
    // What went wrong first is what matters.
    await daemon.close().catch(({ message }) => process.stderr.write(`The daemon did not end: ${message}\n`));
    throw error;
  }
}

async function imageOf(
  official: string,
  build: (options: ImageBuildOptions) => Promise<ContainerImage>,
  options: ImageBuildOptions,
): Promise<ContainerImage> {
  const { step, signal } = options;
  if (await step(`Looking for ${official}`, () => imageIsAvailable(official, signal))) {
    return { name: official, local: false };
  }
  process.stderr.write(`${official} cannot be had here: building an image instead.\n`);
  return build(options);
}
