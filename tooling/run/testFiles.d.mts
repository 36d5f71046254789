/** Says why tests cannot run in a checkout at this path; undefined if they can. */
export function pathProblem(path?: string): string | undefined;

/** The absolute paths of all test files, or of those that need ClickHouse or Redis. */
export function testFiles(options?: { readonly needEngines?: boolean }): Promise<string[]>;

/** Replaces the filters among vitest's arguments by the files they select. */
export function selectTestFiles(args: readonly string[], files: readonly string[]): Promise<string[]>;
