import { Readable } from "node:stream";
import type { ClickHouseClient } from "@clickhouse/client";
import { createEventSourcingPipeline, isEventSourcingError, parseTenantId } from "@es/core";
import { EventStoreClickHouse } from "@es/store-clickhouse";
import { createSpanEvent, type SpanEvent, TraceProjectionEventHandler } from "@es/trace-projection";
import fc from "fast-check";
import { anySpan } from "../../trace-projection/test/spanArbitraries.js";
import {
  spanEventStoreClickHouse,
  spanTable,
  TraceReadRepositoryClickHouse,
  traceLagSourceClickHouse,
  traceProjectionStoreClickHouse,
} from "../src/index.js";
import { encodeRow, mutateColumn, type RawRow } from "./mutateRow.js";
import { Random } from "./random.js";
import { eventFault } from "./validSpan.js";

export interface FuzzRowsOptions {
  readonly client: ClickHouseClient;
  /** Migrated, and used by nobody else. */
  readonly database: string;
  readonly seed: number;
  /** How many rows to change. */
  readonly rows: number;
}

export interface FuzzRowsReport {
  /** Changed rows in the tables. */
  readonly written: number;
  /** Changed rows that the engine did not take: their columns cannot hold them. */
  readonly refused: number;
  /** Reads of changed traces and projections that said they cannot be understood. */
  readonly undecodable: number;
  /** Those that gave a value. */
  readonly valid: number;
  readonly faults: readonly string[];
}

const TRACES = 60;
const VICTIMS = 40;
const tables = ["spans", "trace_projections"] as const;
const ACCEPTED_AT = 1_700_000_000_000_000_000n;

/**
 * Changes rows behind the stores' backs, column by column, and reads them through everything that reads: what cannot be
 * understood has to be said to be so, of its trace only, and never passes for absent; what is understood has to be a value
 * of its type.
 */
export async function fuzzRows({ client, database, seed, rows }: FuzzRowsOptions): Promise<FuzzRowsReport> {
  const random = new Random(seed);
  const report = { written: 0, refused: 0, undecodable: 0, valid: 0, faults: [] as string[] };
  const columns = await columnTypes(client, database);
  for (let round = 0; report.written + report.refused < rows && report.faults.length < 20; round++) {
    await fuzzRound({ client, database, random, columns, report, name: `${seed}-${round}` });
  }
  return report;
}

interface Round {
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly random: Random;
  readonly columns: ReadonlyMap<string, readonly (readonly [name: string, type: string])[]>;
  readonly report: { written: number; refused: number; undecodable: number; valid: number; faults: string[] };
  readonly name: string;
}

async function fuzzRound({ client, database, random, columns, report, name }: Round): Promise<void> {
  const tenantId = parseTenantId(`rows ${name}`);
  const context = { tenantId };
  const both = { eventStoreContext: context, projectionStoreContext: context };
  const eventStore = spanEventStoreClickHouse(client, { database });
  const { binary, ...byText } = spanTable();
  if (binary === undefined) throw new Error("Rows of spans are not read in binary");
  const reference = new EventStoreClickHouse(client, { database, table: byText });
  const projectionStore = traceProjectionStoreClickHouse(client, { database });
  const repository = new TraceReadRepositoryClickHouse(client, { database });
  const lag = traceLagSourceClickHouse(client, { database });
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore,
    eventHandler: new TraceProjectionEventHandler(),
    serviceOptions: { ordering: "timestamp" },
  });
  const spans = fc.sample(anySpan, { seed: random.next() | 0, numRuns: TRACES * 3 });
  const traceIds = Array.from({ length: TRACES }, (_, i) =>
    (BigInt(random.next()) * 1_000n + BigInt(i) + 1n).toString(16).padStart(32, "0"),
  );
  const events = spans.map((span, i) =>
    createSpanEvent(
      { ...span, traceId: traceIds[i % TRACES] as string, spanId: (i + 1).toString(16).padStart(16, "0") },
      ACCEPTED_AT + BigInt(i),
    ),
  );
  await eventStore.storeEvents(events, context);
  await Promise.all(traceIds.map((traceId) => service.rebuildProjection(traceId, both)));
  const before = new Map(
    await Promise.all(
      traceIds.map(
        async (traceId) =>
          [
            traceId,
            {
              events: exactText(await eventStore.getEvents(traceId, context)),
              json: exactText(await repository.getTrace(tenantId, traceId)),
            },
          ] as const,
      ),
    ),
  );

  /** What was changed of each victim, for its faults. */
  const changes = new Map<string, string>();
  const choices = traceIds.slice(0, VICTIMS).map((traceId) => {
    const table = random.pick(tables);
    return { traceId, table, column: random.pick(columns.get(table) ?? []), seed: random.next() };
  });
  await Promise.all(
    choices.map(async ({ traceId, table, column: [column, type], seed }) => {
      const stored = await rawRow(client, database, table, tenantId, traceId);
      const newer: RawRow =
        table === "spans"
          ? { ...stored, AcceptedAt: String(BigInt(String(stored.AcceptedAt)) + 1_000_000n) }
          : { ...stored, Version: String(BigInt(String(stored.Version)) + 1n) };
      const changed = mutateColumn(newer, column, type, new Random(seed));
      try {
        await insertRaw(client, database, table, encodeRow(changed));
        report.written++;
        changes.set(traceId, `${table}.${column} = ${JSON.stringify(changed[column])?.slice(0, 300)}`);
      } catch {
        report.refused++;
      }
    }),
  );
  const fault = (traceId: string, what: string): void => {
    report.faults.push(`${name} ${traceId} (${changes.get(traceId) ?? "not changed"}): ${what}`);
  };

  /** One way of reading a trace: whether it gave a value, said that it cannot, or failed otherwise. */
  const tryRead = async (
    traceId: string,
    what: string,
    read: () => Promise<string | undefined>,
  ): Promise<void> => {
    try {
      const problem = await read();
      if (problem === "undecodable") report.undecodable++;
      else if (problem !== undefined) fault(traceId, `${what}: ${problem}`);
      else if (changes.has(traceId)) report.valid++;
      if (problem === "undecodable" && !changes.has(traceId)) fault(traceId, `${what}: undecodable`);
    } catch (error) {
      const isSaid =
        isEventSourcingError(error, "EVENT_UNDECODABLE") ||
        isEventSourcingError(error, "PROJECTION_UNDECODABLE");
      if (isSaid && changes.has(traceId)) report.undecodable++;
      else fault(traceId, `${what}: ${String(error).slice(0, 300)}`);
    }
  };
  const readAll = (traceId: string) => [
    tryRead(traceId, "getEvents", async () => {
      const found: readonly SpanEvent[] = await eventStore.getEvents(traceId, context);
      if (found.length === 0) return "absent";
      if (!changes.has(traceId) && exactText(found) !== before.get(traceId)?.events) return "it is another";
      return found.map((event) => eventFault(event, traceId)).find((problem) => problem !== undefined);
    }),
    tryRead(traceId, "both ways to read events", async () => {
      const [inBinary, inText] = await Promise.all(
        [eventStore, reference].map((store) =>
          store.getEvents(traceId, context).then(
            (found) => exactText(found),
            (error: unknown) =>
              isEventSourcingError(error, "EVENT_UNDECODABLE") ? "undecodable" : String(error),
          ),
        ),
      );
      if (inBinary !== inText)
        return `in binary ${inBinary?.slice(0, 300)}, as text ${inText?.slice(0, 300)}`;
      return inBinary === "undecodable" ? inBinary : undefined;
    }),
    tryRead(traceId, "getProjection", async () => {
      const found = await projectionStore.getProjection(traceId, context);
      if (found.status !== "found") return found.status;
      return typeof found.record.projection.traceId === "string" ? undefined : "it is no projection";
    }),
    tryRead(traceId, "getTrace", async () => {
      const found = await repository.getTrace(tenantId, traceId);
      if (found === null) return "absent";
      return changes.has(traceId) || exactText(found) === before.get(traceId)?.json
        ? undefined
        : "it is another";
    }),
    tryRead(traceId, "getSpans", async () => {
      const found = await repository.getSpans(tenantId, traceId);
      JSON.stringify(found);
      return found.length === 0 ? "absent" : undefined;
    }),
  ];
  // All at once: what is broken shares round trips with what is not.
  await Promise.all(traceIds.flatMap(readAll));
  await checkListing();
  await checkLag();
  await Promise.all(
    traceIds.map((traceId) =>
      tryRead(traceId, "rebuildProjection", async () => {
        await service.rebuildProjection(traceId, both);
        return undefined;
      }),
    ),
  );
  await checkListing();

  async function checkListing(): Promise<void> {
    const listed = new Map<string, string>();
    let cursor: string | null = null;
    try {
      do {
        const page: Awaited<ReturnType<typeof repository.listTraces>> = await repository.listTraces({
          tenantId,
          limit: 7,
          includeMessages: true,
          ...(cursor === null ? {} : { cursor }),
        });
        // A changed row may say anything of itself, but not that it is another trace.
        for (const trace of page.traces) listed.set(trace.traceId, exactText(trace));
        for (const { traceId } of page.undecodable ?? []) listed.set(traceId, "undecodable");
        cursor = page.nextCursor;
      } while (cursor !== null);
    } catch (error) {
      fault("all", `listTraces: ${String(error).slice(0, 300)}`);
      return;
    }
    for (const traceId of traceIds) {
      const found = listed.get(traceId);
      if (found === undefined) fault(traceId, "listTraces: absent");
      else if (!changes.has(traceId) && found !== before.get(traceId)?.json)
        fault(traceId, "listTraces: it is another");
    }
  }

  async function checkLag(): Promise<void> {
    try {
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof lag.listLagging>> = await lag.listLagging({
          limit: 200,
          ...(cursor === null ? {} : { cursor }),
        });
        cursor = page.nextCursor;
      } while (cursor !== null);
    } catch (error) {
      fault("all", `listLagging: ${String(error).slice(0, 300)}`);
    }
  }
}

async function columnTypes(client: ClickHouseClient, database: string) {
  const result = await client.query({
    query:
      "SELECT table, name, type FROM system.columns WHERE database = {database: String} " +
      "AND table IN {tables: Array(String)} AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY table, position",
    query_params: { database, tables },
    format: "JSONEachRow",
  });
  const types = new Map<string, (readonly [string, string])[]>();
  for (const { table, name, type } of await result.json<{ table: string; name: string; type: string }>()) {
    types.set(table, [...(types.get(table) ?? []), [name, type]]);
  }
  return types;
}

async function rawRow(
  client: ClickHouseClient,
  database: string,
  table: string,
  tenantId: string,
  traceId: string,
): Promise<RawRow> {
  const result = await client.query({
    query: `SELECT * FROM {database: Identifier}.{table: Identifier} WHERE TenantId = {tenantId: String} AND TraceId = {traceId: String} LIMIT 1`,
    query_params: { database, table, tenantId, traceId },
    format: "JSONEachRow",
    clickhouse_settings: { output_format_json_quote_64bit_integers: 1, output_format_json_quote_decimals: 1 },
  });
  const [row] = await result.json<RawRow>();
  if (row === undefined) throw new Error(`There is no row of ${traceId} in ${table}`);
  return row;
}

async function insertRaw(
  client: ClickHouseClient,
  database: string,
  table: string,
  line: Buffer,
): Promise<void> {
  const { stream } = await client.exec({
    query: `INSERT INTO ${database}.${table} FORMAT JSONEachRow`,
    values: Readable.from([line], { objectMode: false }),
    clickhouse_settings: { async_insert: 0 },
  });
  for await (const _ of stream);
}

function exactText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "bigint") return `bigint ${member}`;
    if (typeof member === "number") return Object.is(member, -0) ? "-0" : String(member);
    if (member instanceof Map) return [...member];
    return member instanceof Uint8Array ? Buffer.from(member).toString("hex") : member;
  });
}
