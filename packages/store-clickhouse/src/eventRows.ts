import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import type { Event } from "@es/core";
import {
  type AsksFor,
  placesByRef,
  readAggregateRows,
  refKey,
  refsParameter,
  selectList,
} from "./aggregateRows.js";
import { type BinaryColumn, readBinaryRows } from "./binaryRows.js";
import { withErrorBehind } from "./errorBehind.js";
import type {
  BinaryEventRead,
  BinaryEventRows,
  EventRowKey,
  EventTable,
  SelectedColumn,
} from "./eventTable.js";

/** A row that is there, and the event in it or why there is none. */
export type EventRow<TEvent> =
  | { readonly event: TEvent }
  | { readonly eventId: string; readonly cause: unknown };

export interface EventRowsQuery {
  /** Selects {@link selectedEventColumns}, has the parameter `refs`, and ends without a format. */
  readonly sql: string;
  /** Beside `refs`. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly settings: ClickHouseSettings;
}

/** What {@link readEventRows} reads of a table. */
export function selectedEventColumns<TEvent extends Event>({
  columns: { tenantId, aggregateId, eventId, acceptedAt },
  selectColumns,
  binary,
}: EventTable<TEvent>): string {
  const selected: readonly SelectedColumn[] =
    binary?.columns.map(({ name, expression }) => (expression === undefined ? name : { name, expression })) ??
    selectColumns;
  return selectList([tenantId, aggregateId, eventId, acceptedAt, ...selected]);
}

/**
 * One round trip for any number of aggregates. Gives each row to everyone who asked for its aggregate, by their place in
 * `refs`, to each as a value of its own, as the result arrives.
 */
export function readEventRows<TEvent extends Event>(
  client: ClickHouseClient,
  table: EventTable<TEvent>,
  query: EventRowsQuery,
  refs: readonly AsksFor[],
  take: (row: EventRow<TEvent>, place: number) => void,
): Promise<void> {
  const { columns, binary } = table;
  if (binary !== undefined) return readBinary(client, { ...table, binary }, query, refs, take);
  return readAggregateRows(
    client,
    { ...query, tenantColumn: columns.tenantId, aggregateColumn: columns.aggregateId },
    refs,
    (row, place) =>
      take(
        eventOf(String(row[columns.eventId]), () => table.fromRow(row)),
        place,
      ),
  );
}

async function readBinary<TEvent extends Event>(
  client: ClickHouseClient,
  { columns, binary }: EventTable<TEvent> & { readonly binary: BinaryEventRows<TEvent> },
  query: EventRowsQuery,
  refs: readonly AsksFor[],
  take: (row: EventRow<TEvent>, place: number) => void,
): Promise<void> {
  const asked = placesByRef(refs);
  const { stream, response_headers: headers } = await client.exec({
    query: `${query.sql} FORMAT RowBinaryWithNamesAndTypes`,
    query_params: { ...query.parameters, refs: refsParameter(asked) },
    use_multipart_params_auto: true,
    clickhouse_settings: query.settings,
  });
  // What events share, those of one aggregate and one caller share: a handler may change what it is given.
  let aggregate = "";
  let reads: BinaryEventRead<TEvent>[] = [];
  const key: readonly BinaryColumn[] = [
    { name: columns.tenantId, type: "String" },
    { name: columns.aggregateId, type: "String" },
    { name: columns.eventId, type: "String" },
    { name: columns.acceptedAt, type: "UInt64" },
  ];
  const chunks = withErrorBehind(stream, headers);
  await readBinaryRows(chunks, [...key, ...binary.columns], (reader) => {
    const tenantId = reader.internedString();
    const aggregateId = reader.internedString();
    const rowKey: EventRowKey = {
      tenantId,
      aggregateId,
      eventId: reader.string(),
      acceptedAt: reader.uint64(),
    };
    const ref = refKey(tenantId, aggregateId);
    if (ref !== aggregate) {
      aggregate = ref;
      reads = [];
    }
    const start = reader.position;
    for (const [copy, place] of (asked.get(ref)?.places ?? [undefined]).entries()) {
      reads[copy] ??= binary.begin();
      reader.position = start;
      const makeEvent = (reads[copy] as BinaryEventRead<TEvent>)(reader, rowKey);
      if (place !== undefined) take(eventOf(rowKey.eventId, makeEvent), place);
    }
  });
}

function eventOf<TEvent>(eventId: string, make: () => TEvent): EventRow<TEvent> {
  try {
    return { event: make() };
  } catch (cause) {
    return { eventId, cause };
  }
}
