import type { ClickHouseClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newClient } from "../test/testDatabase.js";
import type { MigrationStep } from "./migration.js";
import { type MigrationTarget, migrationStatements } from "./migrationStatements.js";
import { storeClickHouseMigrations } from "./storeClickHouseMigrations.js";

const steps: readonly MigrationStep[] = [
  ...storeClickHouseMigrations.migrations.flatMap((migration) => migration.steps),
  {
    kind: "addition",
    table: "events",
    columns: [
      { name: "Attributes", type: "Map(LowCardinality(String), String)", defaultClause: "DEFAULT map()" },
    ],
    indexes: [{ name: "by_key", expression: "mapKeys(Attributes)", type: "bloom_filter(0.01)" }],
  },
  { kind: "addition", table: "events", indexes: [{ name: "by_type", expression: "Type", type: "set(100)" }] },
  { kind: "view", name: "recent", select: (table) => `SELECT * FROM ${table("events")} LIMIT 1` },
];
const targets: readonly MigrationTarget[] = [{}, { database: "es" }, { database: "es", cluster: "main" }];

describe("migrationStatements", () => {
  let client: ClickHouseClient;
  beforeAll(() => {
    client = newClient();
  });
  afterAll(() => client.close());

  it.each(targets)("are statements ClickHouse can parse: %j", async (target) => {
    for (const statement of steps.flatMap((step) => migrationStatements(step, target))) {
      const result = await client.query({ query: `EXPLAIN AST ${statement}`, format: "TabSeparatedRaw" });
      expect(await result.text()).toMatch(/^(CreateQuery|AlterQuery)/);
    }
  });

  it("make one table on one server", () => {
    expect(migrationStatements(steps[0] as MigrationStep, { database: "es" })).toMatchInlineSnapshot(`
      [
        "CREATE TABLE IF NOT EXISTS \`es\`.\`events\` (
        \`TenantId\` String CODEC(ZSTD(1)),
        \`AggregateId\` String CODEC(ZSTD(1)),
        \`EventId\` String CODEC(ZSTD(1)),
        \`Type\` LowCardinality(String) CODEC(ZSTD(1)),
        \`OccurredAt\` UInt64 COMMENT 'Unix nanoseconds, the emitter\\'s clock' CODEC(Delta, ZSTD(1)),
        \`AcceptedAt\` UInt64 COMMENT 'Unix nanoseconds, our clock, frozen' CODEC(Delta, ZSTD(1)),
        \`Data\` String COMMENT 'JSON; empty when undefined' CODEC(ZSTD(1)),
        \`Metadata\` String COMMENT 'JSON; empty when undefined' CODEC(ZSTD(1))
      )
      ENGINE = ReplacingMergeTree(\`AcceptedAt\`)
      PARTITION BY toYYYYMM(toDateTime(intDiv(AcceptedAt, 1000000000), 'UTC'))
      ORDER BY (\`TenantId\`, \`AggregateId\`, \`EventId\`)
      SETTINGS index_granularity = 256, min_compress_block_size = 16384, merge_selector_base = 16, min_bytes_for_wide_part = 67108864",
      ]
    `);
  });

  it("make a replicated and a distributed table on a cluster", () => {
    expect(
      migrationStatements(steps[1] as MigrationStep, { database: "es", cluster: "main" }),
    ).toMatchInlineSnapshot(`
      [
        "CREATE TABLE IF NOT EXISTS \`es\`.\`projections_local\` ON CLUSTER \`main\` (
        \`TenantId\` String CODEC(ZSTD(1)),
        \`Projection\` LowCardinality(String) COMMENT 'The kind of projection' CODEC(ZSTD(1)),
        \`AggregateId\` String CODEC(ZSTD(1)),
        \`Version\` UInt256 CODEC(ZSTD(1)),
        \`Data\` String COMMENT 'What the event handler returned, as JSON' CODEC(ZSTD(1)),
        \`Metadata\` String COMMENT 'JSON' CODEC(ZSTD(1))
      )
      ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', \`Version\`)
      ORDER BY (\`TenantId\`, \`Projection\`, \`AggregateId\`)
      SETTINGS index_granularity = 256, min_compress_block_size = 16384, merge_selector_base = 16, min_bytes_for_wide_part = 67108864",
        "CREATE TABLE IF NOT EXISTS \`es\`.\`projections\` ON CLUSTER \`main\` AS \`es\`.\`projections_local\`
      ENGINE = Distributed('main', 'es', 'projections_local', sipHash64(\`TenantId\`, \`AggregateId\`))",
      ]
    `);
  });

  it("add to both tables of a cluster, but index only the one that has data", () => {
    expect(
      steps.slice(2, 4).flatMap((step) => migrationStatements(step, { cluster: "main" })),
    ).toMatchInlineSnapshot(`
      [
        "ALTER TABLE \`events_local\` ON CLUSTER \`main\`
        ADD COLUMN IF NOT EXISTS \`Attributes\` Map(LowCardinality(String), String) DEFAULT map(),
        ADD INDEX IF NOT EXISTS \`by_key\` mapKeys(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1",
        "ALTER TABLE \`events\` ON CLUSTER \`main\`
        ADD COLUMN IF NOT EXISTS \`Attributes\` Map(LowCardinality(String), String) DEFAULT map()",
        "ALTER TABLE \`events_local\` ON CLUSTER \`main\`
        ADD INDEX IF NOT EXISTS \`by_type\` Type TYPE set(100) GRANULARITY 1",
      ]
    `);
  });

  it("refuse an addition of nothing", () => {
    expect(() => migrationStatements({ kind: "addition", table: "events" })).toThrow(/adds nothing/);
  });
});
