import type { ViteUserConfig } from "vitest/config";

export interface PackageTestOptions {
  /** The tests need ClickHouse or Redis: start what is not given by the environment. */
  readonly engines?: boolean;
}

/** The test configuration of one package. `configUrl` is `import.meta.url` of its vitest.config.ts. */
export function packageTests(configUrl: string, options?: PackageTestOptions): ViteUserConfig;
