import { describe, expect, it } from "vitest";
import { z } from "zod";
import { clickhouseVariables, queueVariables } from "./engineVariables.js";
import { type Environment, readEnvironment, variable } from "./environment.js";

const schema = z.object({
  ...clickhouseVariables,
  ...queueVariables,
  INGEST_PORT: variable.port(4318),
  MAX_BYTES: variable.bytes(10),
  DELAY_MS: variable.milliseconds(200),
  RATE: variable.count(0, 0),
  VERBOSE: variable.flag(false),
});

const read = (environment: Environment) => readEnvironment(schema, environment);

describe("readEnvironment", () => {
  it("has defaults for everything, also for empty variables", () => {
    expect(read({ INGEST_PORT: "" })).toEqual({
      CLICKHOUSE_URL: "http://127.0.0.1:8123",
      CLICKHOUSE_DATABASE: "es",
      TRACE_MAX_BYTES: 268_435_456,
      CLICKHOUSE_READ_SETTINGS: {},
      CLICKHOUSE_INSERT_SETTINGS: {},
      REDIS_URL: "redis://127.0.0.1:6379",
      QUEUE_NAME: "trace-projections",
      QUEUE_PREFIX: "{es}",
      INGEST_PORT: 4318,
      MAX_BYTES: 10,
      DELAY_MS: 200,
      RATE: 0,
      VERBOSE: false,
    });
  });

  it("leaves what is optional out when it is not set", () => {
    const optional = z.object({ SHARE: variable.optionalBytes(), CONNECTIONS: variable.optionalCount() });
    expect(readEnvironment(optional, { SHARE: "" })).toEqual({});
    expect(readEnvironment(optional, { SHARE: "5", CONNECTIONS: "7" })).toEqual({ SHARE: 5, CONNECTIONS: 7 });
    expect(() => readEnvironment(optional, { CONNECTIONS: "0" })).toThrow("a whole number of at least 1");
  });

  it("refuses a default that hides behind an optional variable", () => {
    const wrong = z.object({ DELAY_MS: variable.milliseconds(5).optional() });
    expect(() => readEnvironment(wrong, {})).toThrow("DELAY_MS has a default, so it cannot be optional");
  });

  it("reads pairs, whatever their values hold", () => {
    const settings = "insert_quorum=auto, log_comment=a=b;c";
    expect(read({ CLICKHOUSE_INSERT_SETTINGS: settings })).toMatchObject({
      CLICKHOUSE_INSERT_SETTINGS: { insert_quorum: "auto", log_comment: "a=b;c" },
    });
    expect(() => read({ CLICKHOUSE_READ_SETTINGS: "insert_quorum" })).toThrow(
      'CLICKHOUSE_READ_SETTINGS is "insert_quorum": expected name=value,name=value',
    );
  });

  it.each(["my-db-1", "2024.daten", "größe_東京"])(
    "takes %j for a database, as ClickHouse does",
    (database) => {
      expect(read({ CLICKHOUSE_DATABASE: database })).toMatchObject({ CLICKHOUSE_DATABASE: database });
    },
  );

  it("reads what is set", () => {
    const given = { INGEST_PORT: "0", VERBOSE: "true", CLICKHOUSE_URL: "https://user:word@db:8443/" };
    expect(read(given)).toMatchObject({
      INGEST_PORT: 0,
      VERBOSE: true,
      CLICKHOUSE_URL: "https://user:word@db:8443/",
    });
  });

  it.each<[string, string, string]>([
    ["INGEST_PORT", "70000", "a port from 0 to 65535"],
    ["INGEST_PORT", "4318x", "a port from 0 to 65535"],
    ["MAX_BYTES", "-1", "a number of bytes"],
    ["DELAY_MS", "1.5", "a number of milliseconds"],
    ["VERBOSE", "yes", '"true" or "false"'],
    ["CLICKHOUSE_URL", "localhost:8123", "http:// or https://"],
    ["CLICKHOUSE_URL", "not a url", "http:// or https://"],
    ["REDIS_URL", "http://localhost", "redis:// or rediss://"],
    ["CLICKHOUSE_DATABASE", "a`; DROP", "letters, digits, _, - and ."],
    ["SPAN_RETENTION_DAYS", "0", "a whole number of days"],
    ["QUEUE_NAME", "a:b", "without a colon"],
  ])("says what is wrong with %s=%s", (name, value, expected) => {
    expect(() => read({ [name]: value })).toThrow(
      expect.objectContaining({ code: "CONFIGURATION_INVALID", message: expect.stringContaining(expected) }),
    );
    expect(() => read({ [name]: value })).toThrow(name);
  });

  it("names every wrong variable at once", () => {
    expect(() => read({ INGEST_PORT: "x", RATE: "y" })).toThrow(/INGEST_PORT is "x".*\n.*RATE is "y"/);
  });

  it("does not print what may be secret", () => {
    expect(() => read({ CLICKHOUSE_URL: "ftp://user:secret@db" })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  });
});
