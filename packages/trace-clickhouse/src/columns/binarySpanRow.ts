import type { Resource, Scope } from "@es/otlp";
import type { BinaryEventRead, BinaryEventRows, BinaryReader } from "@es/store-clickhouse";
import type { SpanEvent } from "@es/trace-projection";
import { readExactSpan, type SpanDetails } from "./exactSpan.js";
import { resourceOf, type SpanColumns, scopeOf, spanEventFromColumns } from "./spanRow.js";

const texts = "Map(String, String)";

/** Rows of spans in binary. `spanEventFromRow` is their reference: both read the same. */
export const binarySpanRows: BinaryEventRows<SpanEvent> = {
  columns: [
    { name: "ParentSpanId", type: "String" },
    { name: "TraceState", type: "String" },
    { name: "SpanName", type: "String" },
    { name: "SpanKind", type: "String" },
    { name: "ResourceAttributes", type: texts },
    { name: "ScopeName", type: "String" },
    { name: "ScopeVersion", type: "String" },
    { name: "SpanAttributes", type: texts },
    { name: "StatusCode", type: "String" },
    { name: "StatusMessage", type: "String" },
    { name: "Events.Timestamp", type: "Array(DateTime64(9))" },
    { name: "Events.Name", type: "Array(String)" },
    { name: "Events.Attributes", type: `Array(${texts})` },
    { name: "Links.TraceId", type: "Array(String)" },
    { name: "Links.SpanId", type: "Array(String)" },
    { name: "Links.TraceState", type: "Array(String)" },
    { name: "Links.Attributes", type: `Array(${texts})` },
    { name: "StartTimeUnixNano", type: "UInt64" },
    { name: "EndTimeUnixNano", type: "UInt64" },
    { name: "Exact", type: "String" },
  ],
  begin: () => new BinarySpanReader().read,
};

/** Spans of a trace mostly have one resource and one scope: those are made once, and shared among them. */
class BinarySpanReader {
  #resourceBytes: Uint8Array = new Uint8Array();
  #texts = new Map<string, string>();
  #resource: Resource = resourceOf(this.#texts, {});
  #scope: Scope = scopeOf("", "", {});

  readonly read: BinaryEventRead<SpanEvent> = (reader, { aggregateId, eventId, acceptedAt }) => {
    const parentSpanId = reader.string();
    const traceState = reader.internedString();
    const name = reader.internedString();
    const kind = reader.internedString();
    const [resource, resourceTexts] = this.#readResource(reader);
    const scope = this.#readScope(reader);
    const columns: SpanColumns = {
      traceId: aggregateId,
      spanId: eventId,
      acceptedAt,
      parentSpanId,
      traceState,
      name,
      kind,
      attributes: readTexts(reader),
      statusCode: reader.internedString(),
      statusMessage: reader.string(),
      eventTimes: readList(reader, readTime),
      eventNames: readList(reader, readName),
      eventAttributes: readList(reader, readTexts),
      linkTraceIds: readList(reader, readString),
      linkSpanIds: readList(reader, readString),
      linkTraceStates: readList(reader, readString),
      linkAttributes: readList(reader, readTexts),
      start: reader.uint64(),
      end: reader.uint64(),
    };
    const exact = reader.string();
    return () => {
      const details = readExactSpan(exact);
      return spanEventFromColumns(
        columns,
        details,
        hasResource(details) ? resourceOf(new Map(resourceTexts), details) : resource,
        hasScope(details) ? scopeOf(scope.name, scope.version, details) : scope,
      );
    };
  };

  /** Without its details, and the attributes that those may change in a copy. */
  #readResource(reader: BinaryReader): readonly [Resource, ReadonlyMap<string, string>] {
    const start = reader.position;
    for (let left = 2 * reader.length(); left > 0; left--) reader.skipString();
    if (!reader.matches(this.#resourceBytes, start)) {
      this.#resourceBytes = reader.copyFrom(start);
      const end = reader.position;
      reader.position = start;
      this.#texts = readTexts(reader);
      this.#resource = resourceOf(this.#texts, {});
      reader.position = end;
    }
    return [this.#resource, this.#texts];
  }

  /** Without its details. */
  #readScope(reader: BinaryReader): Scope {
    const name = reader.internedString();
    const version = reader.internedString();
    if (this.#scope.name !== name || this.#scope.version !== version)
      this.#scope = scopeOf(name, version, {});
    return this.#scope;
  }
}

function hasResource({ resource, resourceDropped, resourceSchemaUrl }: SpanDetails): boolean {
  return resource !== undefined || resourceDropped !== undefined || resourceSchemaUrl !== undefined;
}

function hasScope({ scope, scopeDropped, scopeSchemaUrl }: SpanDetails): boolean {
  return scope !== undefined || scopeDropped !== undefined || scopeSchemaUrl !== undefined;
}

function readTexts(reader: BinaryReader): Map<string, string> {
  const attributes = new Map<string, string>();
  for (let left = reader.length(); left > 0; left--) attributes.set(reader.internedString(), reader.string());
  return attributes;
}

const NONE: readonly never[] = Object.freeze([]);

function readList<T>(reader: BinaryReader, read: (reader: BinaryReader) => T): readonly T[] {
  const length = reader.length();
  if (length === 0) return NONE;
  const list: T[] = [];
  while (list.length < length) list.push(read(reader));
  return list;
}

const readString = (reader: BinaryReader) => reader.string();
const readName = (reader: BinaryReader) => reader.internedString();
const readTime = (reader: BinaryReader) => reader.int64();
