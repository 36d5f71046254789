import { z } from "zod";
import { variable } from "./environment.js";

/** How every service finds ClickHouse. */
export const clickhouseVariables = {
  /** User and password may stand in the URL or in variables of their own. */
  CLICKHOUSE_URL: variable.url(["http:", "https:"], "http://127.0.0.1:8123"),
  CLICKHOUSE_USER: z.string().optional(),
  CLICKHOUSE_PASSWORD: z.string().optional(),
  /** Made by the migrations if it is not there. */
  CLICKHOUSE_DATABASE: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, {
      error: "expected letters, digits and underscores, no digit first",
    })
    .default("es"),
};

/** How ingest and workers find the queue they share. */
export const queueVariables = {
  REDIS_URL: variable.url(["redis:", "rediss:"], "redis://127.0.0.1:6379"),
  QUEUE_NAME: z
    .string()
    .regex(/^[^:]+$/, { error: "expected a name without a colon" })
    .default("trace-projections"),
  /** In braces, so that all keys of the queue share one slot of a Redis Cluster. */
  QUEUE_PREFIX: variable.text("{es}"),
};
