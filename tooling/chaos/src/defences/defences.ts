import { inRepository } from "../repository.js";

/** What can be taken away from the apps, to see whether its absence is seen. */
export type DefenceName =
  | "keep-last"
  | "reconciler"
  | "data-versions"
  | "read-dedup"
  | "acknowledge-after-insert"
  | "tenant-in-key"
  | "redis-clock"
  | "stalled-check"
  | "new-connection"
  | "pauses"
  | "tell-of-leaving";

/** One change of one built module. The pattern must match exactly once. */
export interface SourceChange {
  /** The built module, in this repository. */
  readonly module: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

export interface Defence {
  readonly name: DefenceName;
  /** What the apps do without it. */
  readonly without: string;
  readonly changes: readonly SourceChange[];
}

const inPackage =
  (name: string) =>
  (module: string, pattern: RegExp, replacement: string): SourceChange => ({
    module: `packages/${name}/dist/${module}.js`,
    pattern,
    replacement,
  });
const core = inPackage("core");
const processing = inPackage("processing");

export const defences: readonly Defence[] = [
  {
    name: "keep-last",
    without: "jobs are deduplicated by their id, which drops what arrives while a run is active",
    changes: [
      {
        module: "packages/queue-bullmq/dist/projectionQueueBullMQ.js",
        pattern: /jobId,\s*deduplication: \{ id, keepLastIfActive: true \},/,
        replacement: 'jobId: Buffer.from(id).toString("base64url") + "_",',
      },
    ],
  },
  {
    name: "reconciler",
    without: "nobody looks for traces that lag",
    changes: [
      processing(
        "reconcile/scheduleLagging",
        /const page = await source\.listLagging\(/,
        "if (Date.now() > 0) return { lagging: 0, scheduled: 0, oldestLagMs: 0, complete: true };\n        const page = await source.listLagging(",
      ),
    ],
  },
  {
    name: "data-versions",
    without: "the version of a projection is the worker's clock",
    changes: [
      core(
        "projections/projectionVersion",
        /return \(\(BigInt\(eventCount\) << 192n\) \|/,
        "return ((BigInt(Date.now()) << 192n) |",
      ),
    ],
  },
  {
    name: "read-dedup",
    without: "events are folded as often as they are stored",
    changes: [
      {
        module: "packages/store-clickhouse/dist/eventStoreClickHouse.js",
        pattern: / \+\s*`LIMIT 1 BY \$\{tenant\}, \$\{aggregate\}, \$\{event\}`;/,
        replacement: ";",
      },
      core("streams/eventStream", /return seen\.size === events\.length;/, "return true;"),
    ],
  },
  {
    name: "acknowledge-after-insert",
    without: "clients are answered before ClickHouse has the spans",
    changes: [
      {
        module: "packages/trace-clickhouse/dist/write/spanIngestionWriteRepositoryClickHouse.js",
        pattern: /await this\.#options\.eventStore\.storeEvents\(events, \{ tenantId \}\);/,
        replacement: "this.#options.eventStore.storeEvents(events, { tenantId }).catch(() => undefined);",
      },
      {
        module: "packages/trace-clickhouse/dist/write/spanIngestionWriteRepositoryClickHouse.js",
        pattern: /await this\.#options\.eventStore\.storeEncodedRows\?\.\(rows, \{ tenantId \}\);/,
        replacement:
          "this.#options.eventStore.storeEncodedRows?.(rows, { tenantId }).catch(() => undefined);",
      },
    ],
  },
  {
    name: "tenant-in-key",
    without: "rows of a shared read are told apart by trace id alone",
    changes: [
      {
        module: "packages/store-clickhouse/dist/aggregateRows.js",
        pattern: /return `\$\{tenantId\.length\}:\$\{tenantId\}\$\{aggregateId\}`;/,
        replacement: "return aggregateId;",
      },
    ],
  },
  {
    name: "redis-clock",
    without: "a delayed job waits until the clocks of those who delay and fetch it say so",
    changes: [
      {
        module: "packages/queue-bullmq/dist/delayedJobs.js",
        pattern: /this\.#timer = setInterval\(\(\) => void this\.#look\(\), INTERVAL_MS\);/,
        replacement: "this.#timer = setTimeout(() => undefined, 0);",
      },
    ],
  },
  {
    name: "stalled-check",
    without: "nobody takes over the runs of a dead worker",
    changes: [
      {
        module: "packages/queue-bullmq/dist/projectionWorkerBullMQ.js",
        pattern: /\n\s*stalledInterval,/,
        replacement: "\n            skipStalledCheck: true,",
      },
    ],
  },
  {
    name: "new-connection",
    without: "a connection to a Redis that was failed over is kept, and every write on it refused",
    changes: [
      {
        module: "packages/queue-bullmq/dist/redisConnection.js",
        pattern: /if \(!asksForNewConnection\(error\)\)/,
        replacement: "if (error !== undefined)",
      },
    ],
  },
  {
    name: "pauses",
    without: "a worker asks again at once, as often as it can, while Redis refuses a command",
    changes: [
      {
        module: "packages/queue-bullmq/dist/redisGate.js",
        pattern: /for \(let delay = FIRST_DELAY_MS; !this\.#open;/,
        replacement: "for (let delay = FIRST_DELAY_MS; false;",
      },
      {
        module: "packages/queue-bullmq/dist/steadyBackend.js",
        pattern: /await sleep\(ms, undefined, \{ signal: this\.#closing \}\)\.catch\(\(\) => undefined\);/,
        replacement: "void ms;",
      },
    ],
  },
  {
    name: "tell-of-leaving",
    without: "a session that a trace has left is not told",
    changes: [
      {
        module: "packages/session-projection/dist/sessionEvent.js",
        pattern: /return \[\.\.\.own, \.\.\.otherSessionIds/,
        replacement: "if (own.length > 0) return own;\n    return [...own, ...otherSessionIds",
      },
    ],
  },
];

export const defenceNames = defences.map(({ name }) => name);

/** @throws RangeError with the names there are */
export function defenceNamed(name: string): Defence {
  const found = defences.find((one) => one.name === name);
  if (found === undefined) {
    throw new RangeError(`There is no defence ${JSON.stringify(name)}; there are ${defenceNames.join(", ")}`);
  }
  return found;
}

/** Tells the preload what to take away. */
export function defenceEnvironment(without: readonly DefenceName[]): Readonly<Record<string, string>> {
  return without.length === 0 ? {} : { CHAOS_WITHOUT: without.join(",") };
}

/** Where the change is made. */
export function changedFile({ module }: SourceChange): string {
  return inRepository(module);
}

/** @throws Error when the pattern does not match exactly once: the source has changed, and the defence with it */
export function changeSource(source: string, change: SourceChange): string {
  const matches = source.match(new RegExp(change.pattern, `${change.pattern.flags}g`))?.length ?? 0;
  if (matches !== 1) {
    throw new Error(
      `The pattern ${change.pattern} matches ${matches} times in ${change.module}; it must match once. ` +
        "Has the defence moved? Then say in defences.ts how to remove it now.",
    );
  }
  return source.replace(change.pattern, () => change.replacement);
}
