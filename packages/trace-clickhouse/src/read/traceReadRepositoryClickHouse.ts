import { setImmediate } from "node:timers/promises";
import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import {
  assertAggregateId,
  EventSourcingError,
  isAggregateId,
  isEventSourcingError,
  type Page,
  type PageOptions,
  type ProjectionStore,
  parseProjectionVersion,
  parseTenantId,
  type TenantId,
} from "@es/core";
import {
  FairGate,
  inTurns,
  pageLimit,
  telemetryNames,
  throwIfAborted,
  wholeNumber,
  withSpan,
} from "@es/core/adapter";
import type { OtlpSpan } from "@es/otlp";
import {
  readSettings as baseSettings,
  classifyClickHouseError,
  isResultTooLarge,
  qualifiedName,
  type Row,
  repeating,
  selectList,
} from "@es/store-clickhouse";
import type { TraceExplanation } from "@es/trace-projection";
import {
  type ExplainOptions,
  explainInSteps,
  type SpanJson,
  type SpanKind,
  spanToJson,
  type TraceProjection,
  type TraceProjectionJson,
  type TraceStatus,
  traceProjectionToJson,
} from "@es/trace-projection";
import { SpanKind as OtelSpanKind, trace } from "@opentelemetry/api";
import { spanEventFromRow, spanSelectColumns } from "../columns/spanRow.js";
import { SPAN_TABLE } from "../tables/spanTableDescription.js";
import { traceProjectionTableName } from "../tables/traceProjectionTableDescription.js";
import { readTraceProjection } from "../tables/traceProjectionText.js";
import { traceProjectionStoreClickHouse } from "../tables/traceStores.js";
import { dropMessages, selectListed } from "./listedProjection.js";
import { readSpanCursor, type SpanPlace, writeSpanCursor } from "./spanCursor.js";
import { readTraceListCursor, writeTraceListCursor } from "./traceListCursor.js";

const { attributes } = telemetryNames;
const tracer = trace.getTracer("@es/trace-projection");
const NAME = "TraceReadRepositoryClickHouse";

export interface TraceReadRepositoryOptions {
  /** @default the client's own */
  readonly database?: string;
  /** Added to every read, such as `max_execution_time`. */
  readonly readSettings?: ClickHouseSettings;
  /** Whose projections are read; asked once per call, so that no call mixes two. @default 1 */
  readonly generation?: () => number | Promise<number>;
  /** @default {@link defaultExplainLimits} */
  readonly explainLimits?: ExplainLimits;
  /** What the handler was given that made the projections: without it explanations contradict them. @default none */
  readonly projection?: Pick<ExplainOptions, "limits" | "prices">;
  /** Bytes of spans that one call of `getSpans` reads. A larger trace is refused. @default 268 435 456 */
  readonly maxTraceBytes?: number;
  /** Bytes after which a page of `listTraces` or `getSpanPage` ends, however many more it may hold. @default 8 388 608 */
  readonly maxPageBytes?: number;
}

/** The largest trace that is explained: that takes all its spans at once. */
export interface ExplainLimits {
  readonly spans: number;
  /** As ClickHouse holds the spans in memory. */
  readonly bytes: number;
}

export const defaultExplainLimits: ExplainLimits = { spans: 10_000, bytes: 64 * 1024 * 1024 };

/** What every read can be told. */
export interface ReadOptions {
  /** Ends the read, in the engine too; it rejects with `ABORTED`. */
  readonly signal?: AbortSignal;
}

export interface ListTracesOptions extends ReadOptions {
  readonly tenantId: TenantId;
  /** Traces per page. @default 50 */
  readonly limit?: number;
  readonly cursor?: string;
  /** Only traces that start at or after this instant, Unix nanoseconds. */
  readonly from?: bigint;
  /** Only traces that start before this instant, Unix nanoseconds. */
  readonly to?: bigint;
  readonly status?: TraceStatus;
  /** Only traces with a span of this kind. */
  readonly kind?: SpanKind;
  /** With the `messages` of inputs and outputs, which may be most of a page. @default false */
  readonly includeMessages?: boolean;
}

export interface TraceList {
  readonly traces: readonly TraceProjectionJson[];
  /** Give it back to get the next page; `null` on the last. */
  readonly nextCursor: string | null;
  /** Rows of this page that are there but cannot be understood; absent when there are none. */
  readonly undecodable?: readonly { readonly traceId: string; readonly reason: string }[];
}

interface Generation {
  readonly table: string;
  readonly projections: ProjectionStore<string, TraceProjection>;
}

/** What became of the wish to have a trace explained. */
export type ExplainRead =
  | { readonly status: "explained"; readonly explanation: TraceExplanation }
  /** No span of it is stored. */
  | { readonly status: "absent" }
  /** There is more of it than {@link ExplainLimits} lets explain. */
  | { readonly status: "too-large"; readonly spanCount: number; readonly bytes: number };

interface ProjectionRow {
  readonly id: string;
  readonly version: string;
  /** JSON. */
  readonly projection: string;
}

/** A trace of a listing, or why its row cannot be understood. */
type ListedTrace = TraceProjectionJson | { readonly traceId: string; readonly reason: string };

interface ListedRow {
  readonly id: string;
  readonly bytes: string;
  readonly start: string;
  /** At how many rows was looked for the latest. */
  readonly looked: string;
}

/** Looked at for a page: of a trace that was rebuilt lately there are several. */
const LATEST_ROWS_PER_TRACE = 4;
/** The first round trip for the projections of a page asks for so many. It shows how large they are. */
const PROJECTIONS_AT_FIRST = 50;
/** The first round trip for spans asks for so many. It shows how large they are. */
const SPANS_AT_FIRST = 250;
const SPANS_PER_ROUND_TRIP = 25_000;
/** ClickHouse counts places and lengths of values too: of spans with many small values more than their text. */
const RESULT_PER_PAGE_BYTE = 2;
/** Any two spans are read at once, whatever their size: the second says whether the first is the last. */
const FEWEST_SPANS = 2;
const DEFAULT_MAX_TRACE_BYTES = 256 * 2 ** 20;
const DEFAULT_MAX_PAGE_BYTES = 8 * 2 ** 20;

/** A span with its place among the spans of its trace. */
interface PlacedSpan {
  readonly span: OtlpSpan;
  readonly place: SpanPlace;
}

/** The spans from a place on, and whether the trace has more behind them. */
interface SpansRead {
  readonly spans: readonly PlacedSpan[];
  readonly hasMore: boolean;
}

/** Reads traces for people. Whatever is not merged yet is read as if it were. */
export class TraceReadRepositoryClickHouse {
  readonly #client: ClickHouseClient;
  readonly #options: TraceReadRepositoryOptions;
  readonly #spanTable: string;
  readonly #generations = new Map<number, Generation>();
  /** One after the other, for each takes the memory, and the time, of all its spans. */
  readonly #explaining = new FairGate({ name: "explanations", concurrency: 1 });

  /** @throws EventSourcingError `INVALID_OPTIONS` */
  constructor(client: ClickHouseClient, options: TraceReadRepositoryOptions = {}) {
    const { maxTraceBytes, explainLimits = defaultExplainLimits } = options;
    if (maxTraceBytes !== undefined) wholeNumber("maxTraceBytes", maxTraceBytes, 1);
    wholeNumber("explainLimits.spans", explainLimits.spans, 0);
    wholeNumber("explainLimits.bytes", explainLimits.bytes, 0);
    this.#client = repeating(client);
    this.#options = options;
    this.#spanTable = qualifiedName(options.database, SPAN_TABLE);
  }

  async #generation(): Promise<Generation> {
    const { database, generation: current, readSettings } = this.#options;
    const number = (await current?.()) ?? 1;
    let generation = this.#generations.get(number);
    if (generation === undefined) {
      generation = {
        table: qualifiedName(database, traceProjectionTableName(number)),
        projections: traceProjectionStoreClickHouse(this.#client, {
          generation: number,
          ...(database === undefined ? {} : { database }),
          ...(readSettings === undefined ? {} : { readSettings }),
        }),
      };
      this.#generations.set(number, generation);
    }
    return generation;
  }

  /**
   * Newest first: by start time, descending, then by trace id. Filters see the latest version of each projection only. A page
   * ends where it holds `limit` traces, or `maxPageBytes` of them; it has at least one. Inputs and outputs come without their
   * `messages` unless `includeMessages` asks for them.
   *
   * @throws EventSourcingError `INVALID_CURSOR`, `INVALID_OPTIONS`, `STORE_UNAVAILABLE`, `STORE_OVERLOADED`,
   * `STORE_REJECTED`
   */
  listTraces(options: ListTracesOptions): Promise<TraceList> {
    const { tenantId } = options;
    return this.#call("listTraces", { [attributes.tenantId]: tenantId }, async () => {
      const limit = pageLimit({ limit: options.limit ?? 50 });
      const after = options.cursor === undefined ? undefined : readTraceListCursor(options.cursor);
      const conditions = [
        ...(options.from === undefined ? [] : ["start >= {from: UInt64}"]),
        ...(options.to === undefined ? [] : ["start < {to: UInt64}"]),
        ...(options.status === undefined ? [] : ["status = {status: String}"]),
        ...(options.kind === undefined ? [] : ["mapContains(argMax(SpanKinds, Version), {kind: String})"]),
        ...(after === undefined
          ? []
          : ["(start < {start: UInt64} OR (start = {start: UInt64} AND id > unhex({id: String})))"]),
      ];
      if ((options.to ?? 1n) <= 0n || (options.from ?? 0n) >= 2n ** 64n)
        return { traces: [], nextCursor: null };
      const { table } = await this.#generation();
      /** Of rows, merged or not. A page's traces have at least their newest row among them. */
      const within = [
        "TenantId = {tenantId: String}",
        ...(options.from === undefined ? [] : ["StartTimeUnixNano >= {from: UInt64}"]),
        ...(options.to === undefined ? [] : ["StartTimeUnixNano < {to: UInt64}"]),
        ...(after === undefined ? [] : ["StartTimeUnixNano <= {start: UInt64}"]),
      ].join(" AND ");
      const parameters = {
        tenantId,
        limit: limit + 1,
        latest: LATEST_ROWS_PER_TRACE * (limit + 1),
        ...(options.from === undefined ? {} : { from: toUInt64(options.from) }),
        ...(options.to === undefined ? {} : { to: toUInt64(options.to) }),
        ...(options.status === undefined ? {} : { status: options.status }),
        ...(options.kind === undefined ? {} : { kind: options.kind }),
        ...(after === undefined ? {} : { start: after.start, id: after.idHex }),
      };
      const selectPage = (latestOnly: boolean) => {
        const having = [...(latestOnly ? ["start >= edge.1"] : []), ...conditions];
        return (
          (latestOnly
            ? "WITH (SELECT (min(StartTimeUnixNano), count()) FROM (SELECT StartTimeUnixNano " +
              `FROM ${table} WHERE ${within} ORDER BY StartTimeUnixNano DESC LIMIT {latest: UInt64})) AS edge `
            : "") +
          "SELECT TraceId AS id, hex(id) AS bytes, argMax(StartTimeUnixNano, Version) AS start, " +
          `argMax(Status, Version) AS status, ${latestOnly ? "edge.2" : "0"} AS looked ` +
          `FROM ${table} WHERE TenantId = {tenantId: String} ` +
          (latestOnly
            ? `AND TraceId GLOBAL IN (SELECT TraceId FROM ${table} WHERE ${within} AND StartTimeUnixNano >= edge.1) `
            : "") +
          "GROUP BY TraceId " +
          (having.length === 0 ? "" : `HAVING ${having.join(" AND ")} `) +
          "ORDER BY start DESC, id LIMIT {limit: UInt64}"
        );
      };
      // The latest rows mostly hold the page. A trace that has none of them starts before all that were found.
      const { signal } = options;
      let rows = await this.#query<ListedRow>("listTraces", table, selectPage(true), parameters, { signal });
      const isWhole = rows.length > limit || Number(rows[0]?.looked ?? parameters.latest) < parameters.latest;
      if (!isWhole) {
        rows = await this.#query<ListedRow>("listTraces", table, selectPage(false), parameters, { signal });
      }
      const traces: TraceProjectionJson[] = [];
      const undecodable: { traceId: string; reason: string }[] = [];
      const page = rows.slice(0, limit);
      const reads = await this.#projectionsOf(page, { table, options });
      const last = page[reads.length - 1];
      for (const read of reads) {
        if ("reason" in read) undecodable.push(read);
        else traces.push(read);
      }
      return {
        traces,
        nextCursor:
          rows.length > reads.length && last !== undefined
            ? writeTraceListCursor({ start: last.start, idHex: last.bytes })
            : null,
        ...(undecodable.length === 0 ? {} : { undecodable }),
      };
    });
  }

  /** Of the first traces, in their order: as many as a page may hold bytes of, and at least one. */
  async #projectionsOf(
    page: readonly ListedRow[],
    { table, options }: { readonly table: string; readonly options: ListTracesOptions },
  ): Promise<readonly ListedTrace[]> {
    const found: ListedTrace[] = [];
    let left = this.#options.maxPageBytes ?? DEFAULT_MAX_PAGE_BYTES;
    let most = PROJECTIONS_AT_FIRST;
    while (found.length < page.length && most > 0) {
      const asked = page.slice(found.length, found.length + most);
      const rows = await this.#projectionRows(asked, { table, options, maxBytes: left });
      if (rows === null) {
        // What does not fit is left to the next page.
        if (found.length > 0) break;
        most = Math.max(1, Math.floor(most / 8));
        continue;
      }
      const bytes = await inTurns(listInSteps(asked, rows, options, found), options.tenantId, options.signal);
      left -= bytes;
      most = Math.floor((left / bytes) * asked.length);
    }
    return found;
  }

  /** `null` if they are several and more than `maxBytes`. */
  async #projectionRows(
    asked: readonly ListedRow[],
    {
      table,
      options: { tenantId, includeMessages = false, signal },
      maxBytes,
    }: { readonly table: string; readonly options: ListTracesOptions; readonly maxBytes: number },
  ): Promise<ReadonlyMap<string, ProjectionRow> | null> {
    const ids = asked.map(({ id }) => id).filter(isAggregateId);
    if (ids.length === 0) return new Map();
    const ofPage = "TenantId = {tenantId: String} AND TraceId IN {ids: Array(String)}";
    try {
      const rows = await this.#query<ProjectionRow>(
        "listTraces",
        table,
        "SELECT id, toString(version) AS version, text AS projection " +
          `FROM (${includeMessages ? selectWhole(table, ofPage) : selectListed(table, ofPage)}) AS page ` +
          "ORDER BY page.id, page.version DESC LIMIT 1 BY page.id",
        { tenantId, ids },
        { signal, ...(asked.length === 1 ? {} : { maxBytes }) },
      );
      return new Map(rows.map((row) => [row.id, row]));
    } catch (error) {
      if (isEventSourcingError(error) && isResultTooLarge(error.cause)) return null;
      throw error;
    }
  }

  /**
   * `null` when there is no projection yet.
   *
   * @throws EventSourcingError `PROJECTION_UNDECODABLE`, and what `listTraces` throws
   */
  getTrace(tenantId: TenantId, traceId: string): Promise<TraceProjectionJson | null> {
    return this.#call("getTrace", traceAttributes(tenantId, traceId), async () => {
      const { projections } = await this.#generation();
      const read = await projections.getProjection(traceId, { tenantId });
      if (read.status === "found") return traceProjectionToJson(tenantId, read.record);
      if (read.status === "absent") return null;
      throw new EventSourcingError(
        "PROJECTION_UNDECODABLE",
        `The projection of trace ${traceId} cannot be understood: ${read.reason}`,
        { fields: { tenantId, traceId } },
      );
    });
  }

  /**
   * All spans of a trace by start time, then span id; empty for an unknown trace. Of very large traces, get pages.
   *
   * @throws EventSourcingError `AGGREGATE_TOO_LARGE` beyond `maxTraceBytes`, `EVENT_UNDECODABLE`, and what `listTraces` throws
   */
  getSpans(tenantId: TenantId, traceId: string, options: ReadOptions = {}): Promise<readonly SpanJson[]> {
    return this.#call("getSpans", traceAttributes(tenantId, traceId), async (span) => {
      const maxBytes = this.#maxTraceBytes();
      const read = await this.#readSpans(tenantId, traceId, { ...options, maxBytes });
      if (read.hasMore) throw this.#tooLarge(traceId);
      span.setAttribute(attributes.eventCount, read.spans.length);
      return inTurns(spansToJson(read.spans), tenantId, options.signal);
    });
  }

  /**
   * {@link getSpans}, page by page. A page ends where it holds `limit` spans, or `maxPageBytes` of them; it has at least one.
   * Memory is bounded by the page, whatever the size of the trace.
   */
  getSpanPage(
    tenantId: TenantId,
    traceId: string,
    options: PageOptions & ReadOptions = {},
  ): Promise<Page<SpanJson>> {
    return this.#call("getSpanPage", traceAttributes(tenantId, traceId), async () => {
      const { spans, hasMore } = await this.#readSpans(tenantId, traceId, {
        limit: pageLimit(options),
        maxBytes: this.#options.maxPageBytes ?? DEFAULT_MAX_PAGE_BYTES,
        isPage: true,
        ...(options.cursor === undefined ? {} : { after: readSpanCursor(options.cursor) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const last = spans.at(-1);
      return {
        items: await inTurns(spansToJson(spans), tenantId, options.signal),
        nextCursor:
          hasMore && last !== undefined
            ? writeSpanCursor({ ...last.place, fitting: Math.min(spans.length, SPANS_PER_ROUND_TRIP) })
            : null,
      };
    });
  }

  /**
   * Why the trace's projection says what it says, from the spans that are stored now: the projection may lag behind.
   * Traces are explained one after the other, in which tenants take turns; in steps, between which the process gets on with
   * others.
   *
   * @throws EventSourcingError `EVENT_UNDECODABLE`, and what `listTraces` throws
   */
  explainTrace(
    tenantId: TenantId,
    traceId: string,
    { signal, ...options }: ExplainOptions & ReadOptions = {},
  ): Promise<ExplainRead> {
    return this.#call("explainTrace", traceAttributes(tenantId, traceId), () =>
      this.#explaining.run(tenantId, () => this.#explain(tenantId, traceId, options, signal), { signal }),
    );
  }

  async #explain(
    tenantId: TenantId,
    traceId: string,
    options: ExplainOptions,
    signal: AbortSignal | undefined,
  ): Promise<ExplainRead> {
    assertAggregateId(traceId);
    const [size] = await this.#query<{ readonly spans: string; readonly bytes: string }>(
      "explainTrace",
      this.#spanTable,
      // The bytes of a span that was sent again are those of all its versions that are not merged yet.
      `SELECT uniqExact(SpanId) AS spans, sum(byteSize(*)) AS bytes FROM ${this.#spanTable} ` +
        "WHERE TenantId = {tenantId: String} AND TraceId = {traceId: String}",
      { tenantId, traceId },
      { signal },
    );
    const [spanCount, bytes] = [Number(size?.spans ?? 0), Number(size?.bytes ?? 0)];
    if (spanCount === 0) return { status: "absent" };
    const limits = this.#options.explainLimits ?? defaultExplainLimits;
    if (spanCount > limits.spans || bytes > limits.bytes) {
      return { status: "too-large", spanCount, bytes };
    }
    const { spans, hasMore } = await this.#readSpans(tenantId, traceId, {
      limit: limits.spans,
      maxBytes: this.#maxTraceBytes(),
      ...(signal === undefined ? {} : { signal }),
    });
    // It has grown meanwhile.
    if (hasMore) return { status: "too-large", spanCount: spans.length + 1, bytes };
    const items = spans.map(({ span }) => span);
    const steps = explainInSteps(items, { ...this.#options.projection, ...options });
    for (;;) {
      const step = steps.next();
      if (step.done === true) return { status: "explained", explanation: step.value };
      await setImmediate();
      throwIfAborted(signal);
    }
  }

  #maxTraceBytes(): number {
    return this.#options.maxTraceBytes ?? DEFAULT_MAX_TRACE_BYTES;
  }

  /**
   * The spans behind a place, in several round trips if they are many or large: each asks for as many as should fit, by the
   * size of those before.
   */
  async #readSpans(
    tenantId: TenantId,
    traceId: string,
    options: {
      readonly limit?: number;
      readonly maxBytes: number;
      /** Whether three quarters of `maxBytes` are enough: each round trip looks through the whole trace. */
      readonly isPage?: boolean;
      readonly after?: SpanPlace;
      readonly signal?: AbortSignal;
    },
  ): Promise<SpansRead> {
    assertAggregateId(traceId);
    const { limit = Number.MAX_SAFE_INTEGER, maxBytes, isPage = false, signal } = options;
    const spans: PlacedSpan[] = [];
    let { after } = options;
    let left = maxBytes;
    let most = after?.fitting === undefined ? SPANS_AT_FIRST : Math.max(FEWEST_SPANS, after.fitting + 1);
    for (;;) {
      // One more than is asked for says whether there are more.
      const wanted = Math.min(limit + 1 - spans.length, most);
      const rows = await this.#spanRows(
        { tenantId, traceId, after, signal },
        wanted,
        wanted <= FEWEST_SPANS ? this.#maxTraceBytes() : isPage ? RESULT_PER_PAGE_BYTE * left : left,
      );
      if (rows === null) {
        // A page that is not half full yet asks for fewer; else what does not fit is left to the next one.
        if (spans.length > 0 && isPage && left > maxBytes / 2 && wanted > FEWEST_SPANS) {
          most = Math.max(FEWEST_SPANS, Math.floor(wanted / 2));
          continue;
        }
        if (spans.length > 0) return { spans, hasMore: true };
        if (wanted <= FEWEST_SPANS) throw this.#tooLarge(traceId);
        most = Math.max(FEWEST_SPANS, Math.floor(wanted / 8));
        continue;
      }
      const bytes = await inTurns(this.#decodeInSteps(rows, traceId, spans), tenantId, signal);
      left -= bytes;
      if (rows.length < wanted) return { spans, hasMore: false };
      const fitting = Math.floor((left / bytes) * rows.length);
      const isFull = isPage && left < maxBytes / 4;
      if (spans.length > limit || fitting < FEWEST_SPANS || isFull)
        return { spans: spans.slice(0, -1), hasMore: true };
      after = spans.at(-1)?.place;
      most = Math.min(SPANS_PER_ROUND_TRIP, fitting);
    }
  }

  /** In the order of the listing; `null` if they are more than `maxBytes`. */
  async #spanRows(
    {
      tenantId,
      traceId,
      after,
      signal,
    }: {
      readonly tenantId: TenantId;
      readonly traceId: string;
      readonly after: SpanPlace | undefined;
      readonly signal: AbortSignal | undefined;
    },
    limit: number,
    maxBytes: number,
  ): Promise<readonly Row[] | null> {
    const ofTrace = "TenantId = {tenantId: String} AND TraceId = {traceId: String}";
    // Which spans, from the small columns; then these spans, whole.
    const query =
      `SELECT * FROM (SELECT ${spanColumns} FROM ${this.#spanTable} WHERE ${ofTrace} AND SpanId GLOBAL IN (` +
      `SELECT id FROM (SELECT SpanId AS id, argMax(StartTimeUnixNano, AcceptedAt) AS start FROM ${this.#spanTable} ` +
      `WHERE ${ofTrace} GROUP BY SpanId) ` +
      (after === undefined
        ? ""
        : "WHERE start > {start: UInt64} OR (start = {start: UInt64} AND id > unhex({id: String})) ") +
      "ORDER BY start, id LIMIT {limit: UInt64}) ORDER BY SpanId, AcceptedAt DESC LIMIT 1 BY SpanId) " +
      `ORDER BY StartTimeUnixNano, ${ID_HEX}`;
    try {
      return await this.#query<Row>(
        "getSpans",
        this.#spanTable,
        query,
        { tenantId, traceId, limit, ...(after === undefined ? {} : { start: after.start, id: after.idHex }) },
        { maxBytes, signal },
      );
    } catch (error) {
      if (isEventSourcingError(error) && isResultTooLarge(error.cause)) return null;
      throw error;
    }
  }

  #tooLarge(traceId: string): EventSourcingError {
    const bytes = this.#maxTraceBytes();
    return new EventSourcingError(
      "AGGREGATE_TOO_LARGE",
      `The spans of trace ${traceId} that were asked for are more than ${bytes} bytes. Ask for pages, or raise the limit.`,
      { fields: { traceId, maxBytes: bytes } },
    );
  }

  /** Adds the rows' spans to `spans`; how many bytes they have. */
  *#decodeInSteps(rows: readonly Row[], traceId: string, spans: PlacedSpan[]): Generator<void, number> {
    let bytes = 0;
    for (const row of rows) {
      bytes += textSize(row);
      const span = this.#decode(row, traceId);
      spans.push({ span, place: { start: String(span.startTimeUnixNano), idHex: String(row[ID_HEX]) } });
      yield;
    }
    return bytes;
  }

  #decode(row: Row, traceId: string) {
    try {
      return spanEventFromRow(row).data;
    } catch (cause) {
      throw new EventSourcingError(
        "EVENT_UNDECODABLE",
        `Span ${String(row.SpanId)} of trace ${traceId} in ${this.#spanTable} cannot be decoded: ${String(cause)}`,
        { cause, fields: { traceId, spanId: String(row.SpanId) } },
      );
    }
  }

  async #call<T>(
    name: string,
    about: Readonly<Record<string, string>>,
    work: Parameters<typeof withSpan<T>>[3],
  ): Promise<T> {
    // Every call is of one tenant, which types alone do not make sure of.
    parseTenantId(about[attributes.tenantId] as string);
    return withSpan(tracer, `${NAME}.${name}`, { kind: OtelSpanKind.CLIENT, attributes: about }, work);
  }

  async #query<TRow>(
    operation: string,
    table: string,
    query: string,
    parameters: { readonly tenantId: TenantId; readonly [name: string]: unknown },
    { maxBytes, signal }: { readonly maxBytes?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<readonly TRow[]> {
    throwIfAborted(signal);
    try {
      const result = await this.#client.query({
        query,
        format: "JSONEachRow",
        query_params: parameters,
        clickhouse_settings: {
          ...baseSettings,
          ...this.#options.readSettings,
          ...(maxBytes === undefined ? {} : { max_result_bytes: String(maxBytes) }),
          // What nobody waits for any more must not keep others waiting.
          ...(signal === undefined ? {} : { cancel_http_readonly_queries_on_client_close: 1 }),
        },
        ...(signal === undefined ? {} : { abort_signal: signal }),
      });
      const lines: Line<TRow>[] = [];
      for await (const some of result.stream<TRow>()) lines.push(...some);
      return await inTurns(parsedInSteps(lines), parameters.tenantId, signal);
    } catch (error) {
      throwIfAborted(signal);
      throw classifyClickHouseError(error, {
        name: `${NAME}.${operation}`,
        table,
        component: "trace-projection",
      });
    }
  }
}

/** A row that is not parsed yet. */
interface Line<TRow> {
  json(): TRow;
}

function* parsedInSteps<TRow>(lines: readonly Line<TRow>[]): Generator<void, TRow[]> {
  const rows: TRow[] = [];
  for (const line of lines) {
    rows.push(line.json());
    yield;
  }
  return rows;
}

function selectWhole(table: string, where: string): string {
  return `SELECT TraceId AS id, Version AS version, Projection AS text FROM ${table} WHERE ${where}`;
}

function* spansToJson(spans: readonly PlacedSpan[]): Generator<void, SpanJson[]> {
  const items: SpanJson[] = [];
  for (const { span } of spans) {
    items.push(spanToJson(span));
    yield;
  }
  return items;
}

/** Adds what was asked for to `found`, in its order; how many bytes that is, at least 1. */
function* listInSteps(
  asked: readonly ListedRow[],
  rows: ReadonlyMap<string, ProjectionRow>,
  options: ListTracesOptions,
  found: ListedTrace[],
): Generator<void, number> {
  let bytes = 1;
  for (const { id } of asked) {
    const row = rows.get(id);
    bytes += Buffer.byteLength(row?.projection ?? "");
    found.push(readListed(id, row, options));
    yield;
  }
  return bytes;
}

function readListed(
  traceId: string,
  row: ProjectionRow | undefined,
  { tenantId, includeMessages = false }: ListTracesOptions,
): ListedTrace {
  // Under its id there is nothing: it is empty, or its bytes are no text. A row that nobody of us wrote.
  if (row === undefined) return { traceId, reason: "the row's trace id is not valid" };
  try {
    const projection = readTraceProjection(row.projection);
    const version = parseProjectionVersion(row.version);
    const shown = includeMessages ? projection : dropMessages(projection);
    return traceProjectionToJson(tenantId, { version, projection: shown });
  } catch (error) {
    return { traceId, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Characters of all text in a row, names of members aside. */
function textSize(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  let size = 0;
  for (const member of Object.values(value)) size += textSize(member);
  return size;
}

/** The span id by its bytes: of one that is no text, `SpanId` is another text. */
const ID_HEX = "__spanIdHex";
const spanColumns = selectList([
  "TraceId",
  "SpanId",
  { name: ID_HEX, expression: "hex(SpanId)" },
  "AcceptedAt",
  ...spanSelectColumns,
]);

function traceAttributes(tenantId: TenantId, traceId: string): Readonly<Record<string, string>> {
  return { [attributes.tenantId]: tenantId, [attributes.traceId]: traceId };
}

function toUInt64(instant: bigint): string {
  const last = 2n ** 64n - 1n;
  return String(instant < 0n ? 0n : instant > last ? last : instant);
}
