import {
  type ColumnDescription,
  keyedTableSettings,
  type TableDescription,
  type ViewDescription,
} from "@es/store-clickhouse";

export const SPAN_TABLE = "spans";

const ACCEPTED_SECOND = "toDateTime(intDiv(AcceptedAt, 1000000000), 'UTC')";

const attributeMap = "Map(LowCardinality(String), String)";

/*
 * The codecs: ZSTD where it makes much less of much, ids and texts. Elsewhere it would take longer than all else about a small
 * column, for every granule is a block of its own.
 */

/** Names and types of the OpenTelemetry Collector exporter's `otel_traces`. */
const exporterColumns: readonly ColumnDescription[] = [
  {
    name: "Timestamp",
    type: "DateTime64(9)",
    codec: "Delta, LZ4",
    comment: "Start, at most what DateTime64(9) holds",
  },
  { name: "TraceId", type: "String", codec: "ZSTD(1)" },
  { name: "SpanId", type: "String", codec: "ZSTD(1)" },
  { name: "ParentSpanId", type: "String", codec: "ZSTD(1)" },
  { name: "TraceState", type: "String", codec: "LZ4" },
  { name: "SpanName", type: "LowCardinality(String)", codec: "LZ4" },
  { name: "SpanKind", type: "LowCardinality(String)", codec: "LZ4" },
  { name: "ServiceName", type: "LowCardinality(String)", codec: "LZ4" },
  { name: "ResourceAttributes", type: attributeMap, codec: "LZ4" },
  { name: "ScopeName", type: "String", codec: "LZ4" },
  { name: "ScopeVersion", type: "String", codec: "LZ4" },
  { name: "SpanAttributes", type: attributeMap, codec: "ZSTD(1)" },
  {
    name: "Duration",
    type: "UInt64",
    codec: "LZ4",
    comment: "Nanoseconds; 0 where the end is before the start",
  },
  { name: "StatusCode", type: "LowCardinality(String)", codec: "LZ4" },
  { name: "StatusMessage", type: "String", codec: "ZSTD(1)" },
  { name: "Events.Timestamp", type: "Array(DateTime64(9))", codec: "LZ4" },
  { name: "Events.Name", type: "Array(LowCardinality(String))", codec: "LZ4" },
  { name: "Events.Attributes", type: `Array(${attributeMap})`, codec: "ZSTD(1)" },
  { name: "Links.TraceId", type: "Array(String)", codec: "LZ4" },
  { name: "Links.SpanId", type: "Array(String)", codec: "LZ4" },
  { name: "Links.TraceState", type: "Array(String)", codec: "LZ4" },
  { name: "Links.Attributes", type: `Array(${attributeMap})`, codec: "LZ4" },
];

/** @param retentionDays how long spans are kept after they were accepted; for ever if undefined */
export function spanTableDescription(retentionDays: number | undefined): TableDescription {
  return {
    kind: "table",
    name: SPAN_TABLE,
    columns: [
      { name: "TenantId", type: "String", codec: "LZ4" },
      ...exporterColumns,
      {
        name: "AcceptedAt",
        type: "UInt64",
        codec: "Delta, LZ4",
        comment: "Unix nanoseconds, our clock, frozen",
      },
      { name: "StartTimeUnixNano", type: "UInt64", codec: "Delta, LZ4", comment: "As sent" },
      { name: "EndTimeUnixNano", type: "UInt64", codec: "Delta, LZ4", comment: "As sent" },
      {
        name: "Exact",
        type: "String",
        codec: "ZSTD(3)",
        comment: "JSON: types and all else that the other columns cannot hold; empty if nothing",
      },
    ],
    indexes: [
      // The views have no tenant to find a trace by.
      { name: "idx_trace_id", expression: "TraceId", type: "bloom_filter(0.001)", granularity: 16 },
    ],
    versionColumn: "AcceptedAt",
    // By the only time that never changes and is never the customer's.
    partitionBy: `toYYYYMM(${ACCEPTED_SECOND})`,
    orderBy: ["TenantId", "TraceId", "SpanId"],
    ...(retentionDays === undefined ? {} : { ttl: `${ACCEPTED_SECOND} + toIntervalDay(${retentionDays})` }),
    shardBy: ["TenantId", "TraceId"],
    settings: keyedTableSettings,
  };
}

/** The exporter's `otel_traces`, each span once, with the tenant as one more column. */
export const otelTracesView: ViewDescription = {
  kind: "view",
  name: "otel_traces",
  select: (tableName) =>
    `SELECT ${exporterColumns.map(({ name }) => `\`${name}\``).join(", ")}, TenantId\n` +
    `FROM ${tableName(SPAN_TABLE)} FINAL`,
};

/** The exporter's `otel_traces_trace_id_ts`: when each trace starts, by the first and the last start of its spans. */
export const otelTracesTraceIdTsView: ViewDescription = {
  kind: "view",
  name: "otel_traces_trace_id_ts",
  select: (tableName) =>
    "SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End, TenantId\n" +
    `FROM ${tableName(SPAN_TABLE)} FINAL\nGROUP BY TenantId, TraceId`,
};
