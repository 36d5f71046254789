import { createAcceptedClock } from "@es/core/adapter";
import { sessionClickHouseMigrations } from "@es/session-projection/clickhouse";
import { migrate } from "@es/store-clickhouse";
import { spanEventStoreClickHouse, spanTable, traceClickHouseMigrations } from "@es/trace-clickhouse";
import { createSpanEvent } from "@es/trace-projection";
import { type GenAiTracesOptions, genAiTraces, SPANS_PER_TRACE } from "../load/genAiTraces.js";
import { ID_PREFIX } from "../load/patchedBody.js";
import { BENCH_TENANT, type Place } from "./place.js";

const TEMPLATE_TRACES = 100;
/** Copied at once: some hundred thousand spans. */
const COPIES_AT_ONCE = 200;

/** Makes the tables, as the apps do when they start. */
export async function migrateTraceTables({ client, database }: Place): Promise<void> {
  const migrations = [traceClickHouseMigrations, sessionClickHouseMigrations];
  await migrate(client, { database, migrations });
}

/** Stores spans as they come from a client. */
export async function storeTraces(
  place: Place,
  options: Pick<GenAiTracesOptions, "traces" | "seed" | "sessions">,
): Promise<void> {
  const clock = createAcceptedClock();
  const spans = genAiTraces({ ...options, idPrefix: ID_PREFIX });
  await spanEventStoreClickHouse(place.client, { database: place.database }).storeEvents(
    spans.map((span) => createSpanEvent(span, clock.next())),
    { tenantId: BENCH_TENANT },
  );
}

export interface StoredTraces {
  readonly traceIds: readonly string[];
  readonly spans: number;
}

/** Fills an empty span table with traces of ten spans: a hundred different ones, copied under other ids by the engine. */
export async function fillTraceTables(
  place: Place,
  traces: number,
  options: Pick<GenAiTracesOptions, "sessions"> = {},
): Promise<StoredTraces> {
  const { client, database } = place;
  await storeTraces(place, { ...options, traces: TEMPLATE_TRACES, seed: 1 });
  const copies = Math.ceil(traces / TEMPLATE_TRACES);
  await client.command({
    query: `CREATE TABLE ${database}.templates ENGINE = Memory AS SELECT * FROM ${database}.spans`,
  });
  await place.empty("spans");
  for (let from = 0; from < copies; from += COPIES_AT_ONCE) {
    // Ids are spread, as random ones are: an odd factor makes no two of them one.
    const prefix = "lower(leftPad(hex(toUInt32(n.number * 2654435761 % 4294967296)), 8, '0'))";
    await client.command({
      query:
        `INSERT INTO ${database}.spans SELECT s.* REPLACE(concat(${prefix}, substring(s.TraceId, 9)) AS TraceId) ` +
        `FROM ${database}.templates AS s CROSS JOIN numbers(${from}, ${Math.min(COPIES_AT_ONCE, copies - from)}) AS n`,
    });
  }
  await client.command({ query: `DROP TABLE ${database}.templates SYNC` });
  const result = await client.query({
    query: `SELECT DISTINCT TraceId FROM ${database}.spans ORDER BY cityHash64(TraceId)`,
    format: "JSONCompactEachRow",
  });
  const traceIds = (await result.json<readonly [string]>()).map(([id]) => id).slice(0, traces);
  return { traceIds, spans: traceIds.length * SPANS_PER_TRACE };
}

/** Spans as the engine's own blocks, with the statement that takes them: nothing is left to do but to store them. */
export async function nativeBlock(
  place: Place,
  traces: number,
  seed: number,
): Promise<{ readonly statement: string; readonly block: Uint8Array }> {
  const columns = spanTable()
    .insertColumns.map((name) => `\`${name}\``)
    .join(", ");
  await storeTraces(place, { traces, seed });
  const { stream } = await place.client.exec({
    query: `SELECT ${columns} FROM ${place.database}.spans ORDER BY cityHash64(TraceId) FORMAT Native`,
    clickhouse_settings: { max_block_size: String(traces * SPANS_PER_TRACE) },
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  await place.empty("spans");
  return {
    statement: `INSERT INTO ${place.database}.spans (${columns}) FORMAT Native`,
    block: Buffer.concat(chunks),
  };
}
