import type { EngineProcess } from "./engineProcess.js";

/** The official images, as compose.yaml has them. */
export const OFFICIAL_CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.3";
export const OFFICIAL_REDIS_IMAGE = "redis:8";

export interface ContainerImage {
  readonly name: string;
  /** Built on this machine, so it needs no more than the machine gives. */
  readonly local: boolean;
}

/** ClickHouse by Testcontainers. The image must be at the daemon. */
export async function startClickHouseContainer({ name, local }: ContainerImage): Promise<EngineProcess> {
  const { ClickHouseContainer } = await import("@testcontainers/clickhouse");
  class UnlimitedClickHouseContainer extends ClickHouseContainer {
    /** The limit of open files that a server asks for is refused where the daemon itself has less. */
    override withUlimits(): this {
      return this;
    }
  }
  const container = await (local
    ? new UnlimitedClickHouseContainer(name)
    : new ClickHouseContainer(name)
  ).start();
  const url = new URL(container.getHttpUrl());
  url.hostname = loopback(url.hostname);
  url.username = container.getUsername();
  url.password = container.getPassword();
  return { url: url.href, source: `container ${name}`, close: async () => void (await container.stop()) };
}

/** Redis by Testcontainers. The image must be at the daemon. */
export async function startRedisContainer({ name }: ContainerImage): Promise<EngineProcess> {
  const { RedisContainer } = await import("@testcontainers/redis");
  const container = await new RedisContainer(name).start();
  const url = new URL(container.getConnectionUrl());
  url.hostname = loopback(url.hostname);
  return { url: url.href, source: `container ${name}`, close: async () => void (await container.stop()) };
}

/** Ports are mapped on IPv4, and `localhost` may mean IPv6 first. */
function loopback(host: string): string {
  return host === "localhost" ? "127.0.0.1" : host;
}
