import { type ColumnDescription, keyedTableSettings, type TableDescription } from "@es/store-clickhouse";

export const TRACE_PROJECTION_TABLE = "trace_projections";

/** The first generation has the plain name. */
export function traceProjectionTableName(generation: number): string {
  return generation === 1 ? TRACE_PROJECTION_TABLE : `${TRACE_PROJECTION_TABLE}_v${generation}`;
}

const names = "Array(LowCardinality(String))";

/** What listings read of a large projection: its messages may be most of it. */
export const listedColumns: readonly ColumnDescription[] = [
  {
    name: "Listed",
    type: "String",
    codec: "ZSTD(3)",
    comment: "The projection without messages, JSON, if it is large and has some; else empty",
  },
  // To tell which rows have it without reading it.
  { name: "ListedLength", type: "UInt64", codec: "ZSTD(1)", comment: "Of Listed" },
];

/** What people filter on and add up. The whole projection is in `Projection`. */
export const traceProjectionColumns: readonly ColumnDescription[] = [
  { name: "Name", type: "String", codec: "ZSTD(1)" },
  { name: "RootKind", type: "LowCardinality(String)", codec: "ZSTD(1)" },
  { name: "Status", type: "LowCardinality(String)", codec: "ZSTD(1)", comment: "ok, error, unset" },
  { name: "StartTimeUnixNano", type: "UInt64", codec: "Delta, ZSTD(1)" },
  { name: "DurationNano", type: "Int64", codec: "ZSTD(1)" },
  { name: "SpanCount", type: "UInt64", codec: "ZSTD(1)" },
  { name: "ErrorCount", type: "UInt64", codec: "ZSTD(1)" },
  { name: "Models", type: names, codec: "ZSTD(1)" },
  { name: "Providers", type: names, codec: "ZSTD(1)" },
  { name: "Services", type: names, codec: "ZSTD(1)" },
  { name: "InputTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "OutputTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "TotalTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "CacheReadTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "CacheWriteTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "ReasoningTokens", type: "UInt64", codec: "ZSTD(1)" },
  { name: "Cost", type: "Nullable(Decimal(38, 12))", codec: "ZSTD(1)", comment: "USD; NULL if unknown" },
  { name: "PriceTableVersion", type: "LowCardinality(String)", codec: "ZSTD(1)" },
  {
    name: "TimeToFirstTokenNano",
    type: "Nullable(UInt64)",
    codec: "ZSTD(1)",
    comment: "From the start of the trace",
  },
  { name: "SessionId", type: "String", codec: "ZSTD(1)" },
  { name: "UserId", type: "String", codec: "ZSTD(1)" },
  { name: "Tags", type: names, codec: "ZSTD(1)" },
  {
    name: "SpanKinds",
    type: "Map(LowCardinality(String), UInt64)",
    codec: "ZSTD(1)",
    comment: "Spans by what they do",
  },
  { name: "Truncated", type: "Bool", codec: "ZSTD(1)" },
  ...listedColumns,
];

export function traceProjectionTableDescription(generation: number): TableDescription {
  return {
    kind: "table",
    name: traceProjectionTableName(generation),
    columns: [
      { name: "TenantId", type: "String", codec: "ZSTD(1)" },
      { name: "TraceId", type: "String", codec: "ZSTD(1)" },
      { name: "Version", type: "UInt256", codec: "ZSTD(1)" },
      ...traceProjectionColumns,
      { name: "Projection", type: "String", codec: "ZSTD(3)", comment: "The whole projection, JSON" },
      { name: "Metadata", type: "String", codec: "ZSTD(1)", comment: "JSON" },
    ],
    versionColumn: "Version",
    // No partitions: versions of one projection would never merge across them.
    orderBy: ["TenantId", "TraceId"],
    shardBy: ["TenantId", "TraceId"],
    settings: keyedTableSettings,
  };
}
