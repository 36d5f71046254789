import type { MigrationSet, TableDescription } from "./migration.js";

export const REPLAY_TABLE = "replays";

const replays: TableDescription = {
  kind: "table",
  name: REPLAY_TABLE,
  columns: [
    {
      name: "Projection",
      type: "LowCardinality(String)",
      codec: "ZSTD(1)",
      comment: "The kind of projection",
    },
    { name: "ReplayId", type: "String", codec: "ZSTD(1)" },
    {
      name: "Part",
      type: "LowCardinality(String)",
      codec: "ZSTD(1)",
      comment: "definition and control are written by operators, progress by the runner",
    },
    { name: "Revision", type: "UInt64", codec: "ZSTD(1)", comment: "Of the part; the greatest counts" },
    {
      name: "Runs",
      type: "Bool",
      codec: "ZSTD(1)",
      comment: "Of a control: whether it wants the replay to run",
    },
    {
      name: "ClosesUpTo",
      type: "UInt64",
      codec: "ZSTD(1)",
      comment: "Of a progress: controls up to this revision no longer run it",
    },
    { name: "Value", type: "String", codec: "ZSTD(1)", comment: "The part, as JSON" },
  ],
  versionColumn: "Revision",
  orderBy: ["Projection", "ReplayId", "Part"],
  shardBy: ["Projection", "ReplayId"],
};

/** Makes the table `replays`. */
export const replayClickHouseMigrations: MigrationSet = {
  component: "replay",
  migrations: [{ version: 1, name: "create replays", steps: [replays] }],
};
