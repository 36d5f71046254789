import { z } from "zod";
import { variable } from "./environment.js";

/** How every app finds ClickHouse. */
export const clickhouseVariables = {
  /** User and password may stand in the URL or in variables of their own. */
  CLICKHOUSE_URL: variable.url(["http:", "https:"], "http://127.0.0.1:8123"),
  CLICKHOUSE_USER: z.string().optional(),
  CLICKHOUSE_PASSWORD: z.string().optional(),
  /** Made by the migrations if it is not there. */
  CLICKHOUSE_DATABASE: z
    .string()
    // As the stores quote names: see `quoteIdentifier` of @es/store-clickhouse.
    .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,199}$/u, {
      error: "expected letters, digits, _, - and ., at most 200",
    })
    .default("es"),
  /** Spreads the tables over a cluster, by its name in `system.clusters`. Read when the tables are made. */
  CLICKHOUSE_CLUSTER: z.string().min(1).optional(),
  /** Added to every read, such as `load_balancing=in_order`. */
  CLICKHOUSE_READ_SETTINGS: variable.pairs(),
  /** Added to every insert, such as `insert_quorum=auto`. */
  CLICKHOUSE_INSERT_SETTINGS: variable.pairs(),
  /** Bytes of spans that are read of one trace; a larger one is refused, and its rebuild parked with that reason. */
  TRACE_MAX_BYTES: variable.bytes(256 * 2 ** 20),
  /** Spans expire so many days after they were accepted; unset: never. Read when the tables are made. */
  SPAN_RETENTION_DAYS: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, { error: "expected a whole number of days, at least 1" })
    .transform(Number)
    .optional(),
};

/** The name of a queue on Redis. */
export const queueName = (fallback: string) =>
  z
    .string()
    .regex(/^[^:]+$/, { error: "expected a name without a colon" })
    .default(fallback);

/** How ingest and workers find the queue they share. */
export const queueVariables = {
  REDIS_URL: variable.url(["redis:", "rediss:"], "redis://127.0.0.1:6379"),
  QUEUE_NAME: queueName("trace-projections"),
  /** In braces, so that all keys of the queue share one slot of a Redis Cluster. */
  QUEUE_PREFIX: variable.text("{es}"),
};
