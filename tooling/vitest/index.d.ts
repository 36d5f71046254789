import type { ViteUserConfig } from "vitest/config";

export interface PackageTestOptions {
  /**
   * The tests need ClickHouse or Redis: start what is not given by the environment. A folder or file (`src/clickhouse/`): only those
   * at it do, and the others need not run once more where the engines are others.
   */
  readonly engines?: boolean | string;
}

/** The test configuration of one package. `configUrl` is `import.meta.url` of its vitest.config.ts. */
export function packageTests(configUrl: string, options?: PackageTestOptions): ViteUserConfig;
