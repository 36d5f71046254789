import type { ClickHouseSettings } from "@clickhouse/client";

/** What reads rely on, whatever the server's or the user's profile says. */
export const readSettings: ClickHouseSettings = {
  // An error half-way through a result must not look like a shorter result.
  wait_end_of_query: 1,
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_denormals: 1,
  date_time_output_format: "simple",
  session_timezone: "UTC",
  // A cached or a partial result would break read-your-writes.
  use_query_cache: 0,
  skip_unavailable_shards: 0,
  result_overflow_mode: "throw",
  read_overflow_mode: "throw",
  timeout_overflow_mode: "throw",
};

/** What writes rely on. */
export const insertSettings: ClickHouseSettings = {
  // We group inserts ourselves; the answer must mean that the data is in the table.
  async_insert: 0,
  wait_for_async_insert: 1,
  wait_end_of_query: 1,
  distributed_foreground_insert: 1,
  // Storing is idempotent by key; a dropped identical block would only be a surprise.
  insert_deduplicate: 0,
  // Reads leave one row of a key, and find a key without skip indexes: both are left to merges.
  optimize_on_insert: 0,
  materialize_skip_indexes_on_insert: 0,
  // A misspelt column or a null in the wrong place has to be loud.
  input_format_skip_unknown_fields: 0,
  input_format_null_as_default: 0,
  date_time_input_format: "best_effort",
  session_timezone: "UTC",
  max_partitions_per_insert_block: "0",
};
