import type { ViteUserConfig } from "vitest/config";

export interface PackageTestOptions {
  /**
   * The tests need ClickHouse or Redis: start what is not given by the environment. With a folder or a file
   * (`src/clickhouse/`) only the tests there do: the others are not run again on engines in containers.
   */
  readonly engines?: boolean | string;
  /**
   * Every test file has a process of its own: for tests that leave something in theirs. Others of a package share one or
   * two, which load its modules once: a file undoes what it changes of its process.
   * @default false
   */
  readonly isolate?: boolean;
}

/** The test configuration of one package. `configUrl` is `import.meta.url` of its vitest.config.ts. */
export function packageTests(configUrl: string, options?: PackageTestOptions): ViteUserConfig;
