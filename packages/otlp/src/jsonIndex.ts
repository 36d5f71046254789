import type { Steps } from "./decodeTurns.js";
import {
  END_OF_OBJECT,
  type JsonRange,
  JsonScanner,
  JsonSyntaxError,
  MemberNames,
  OPEN_LIST,
  OPEN_OBJECT,
  UNKNOWN_MEMBER,
} from "./jsonScanner.js";

/** A value that is not of the type it must be. */
export class WrongJson {
  readonly name: string;
  readonly wanted: "an object" | "an array";
  readonly range: JsonRange;

  constructor(name: string, wanted: WrongJson["wanted"], range: JsonRange) {
    this.name = name;
    this.wanted = wanted;
    this.range = range;
  }
}

export interface ScopeSpansIndex {
  readonly scope: JsonRange | undefined;
  readonly schemaUrl: JsonRange | undefined;
  /** Starts and ends in turn. */
  readonly spans: readonly number[] | WrongJson;
}

export interface ResourceSpansIndex {
  readonly resource: JsonRange | undefined;
  readonly schemaUrl: JsonRange | undefined;
  readonly scopes: readonly (ScopeSpansIndex | WrongJson)[] | WrongJson;
}

export type RequestIndex = readonly (ResourceSpansIndex | WrongJson)[] | WrongJson;

/** More spans and groups of them than a request may have. */
export class TooManyGroups extends Error {}

const REQUEST = new MemberNames("resourceSpans", "resource_spans");
const RESOURCE = new MemberNames("scopeSpans", "scope_spans", "resource", "schemaUrl", "schema_url");
const SCOPE = new MemberNames("spans", "spans", "scope", "schemaUrl", "schema_url");

const NONE: readonly never[] = [];
/** There may be millions of them. */
const EMPTY_RESOURCE: ResourceSpansIndex = { resource: undefined, schemaUrl: undefined, scopes: NONE };
const EMPTY_SCOPE: ScopeSpansIndex = { scope: undefined, schemaUrl: undefined, spans: NONE };
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const NULL = 0x6e;

/**
 * Finds where the spans of an ExportTraceServiceRequest in JSON are, and what they belong to, without making objects of them.
 * Members that OTLP does not know are skipped. Of a member that comes twice the last one counts, as it does for `JSON.parse`.
 *
 * @throws JsonSyntaxError for what is not JSON
 * @throws TooManyGroups for more than `maxItems` spans and groups of spans
 */
export function* indexJson(bytes: Uint8Array, maxItems: number): Steps<RequestIndex> {
  // A plain array is read faster than a Buffer.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return yield* new JsonIndexer(plain, maxItems).request();
}

interface Group<TItem> {
  readonly of: JsonRange | undefined;
  readonly schemaUrl: JsonRange | undefined;
  readonly items: readonly TItem[] | WrongJson;
}

class JsonIndexer {
  readonly #scanner: JsonScanner;
  readonly #maxItems: number;
  #items = 0;

  constructor(bytes: Uint8Array, maxItems: number) {
    const hasMark = BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte);
    this.#scanner = new JsonScanner(bytes, { start: hasMark ? 3 : 0, end: bytes.length });
    this.#maxItems = maxItems;
  }

  *request(): Steps<RequestIndex> {
    const scanner = this.#scanner;
    let found: RequestIndex;
    const first = yield* scanner.next();
    if (first === undefined) throw new JsonSyntaxError("the body is empty");
    if (first === OPEN_OBJECT) {
      const group = yield* this.#group(REQUEST, () => this.#resourceSpans());
      found = group.items;
    } else found = new WrongJson("the request", "an object", yield* scanner.range());
    if ((yield* scanner.next()) !== undefined) scanner.fail();
    return found;
  }

  *#resourceSpans(): Steps<ResourceSpansIndex> {
    const { of, schemaUrl, items } = yield* this.#group(RESOURCE, () => this.#scopeSpans());
    if (of === undefined && schemaUrl === undefined && items === NONE) return EMPTY_RESOURCE;
    return { resource: of, schemaUrl, scopes: items };
  }

  *#scopeSpans(): Steps<ScopeSpansIndex> {
    const { of, schemaUrl, items } = yield* this.#group(SCOPE);
    if (of === undefined && schemaUrl === undefined && items === NONE) return EMPTY_SCOPE;
    return { scope: of, schemaUrl, spans: items };
  }

  /**
   * An object that groups a list of items. The first two names are the list's, under its JSON name and that of the .proto file.
   * Without `readItem` the list is one of spans: where they start and end, in turn.
   */
  #group<TItem>(names: MemberNames, readItem: () => Steps<TItem>): Steps<Group<TItem | WrongJson>>;
  #group(names: MemberNames): Steps<Group<number>>;
  *#group(names: MemberNames, readItem?: () => Steps<unknown>): Steps<Group<unknown>> {
    const scanner = this.#scanner;
    const members: (JsonRange | readonly unknown[] | WrongJson | undefined)[] = [];
    scanner.enter();
    for (let isFirst = true; ; isFirst = false) {
      const place = yield* scanner.member(names, isFirst);
      if (place === END_OF_OBJECT) break;
      const byte = yield* scanner.next();
      if (place === UNKNOWN_MEMBER || byte === NULL) {
        yield* scanner.skip();
        if (place !== UNKNOWN_MEMBER) members[place] = undefined;
      } else if (place > 1) members[place] = yield* scanner.range();
      else if (byte !== OPEN_LIST)
        members[place] = new WrongJson(names.texts[0] as string, "an array", yield* scanner.range());
      else if (readItem === undefined) members[place] = yield* this.#spanRanges();
      else members[place] = yield* this.#list(names.texts[0] as string, readItem);
    }
    const [camel, snake, of, schemaUrl, schemaUrlSnake] = members;
    return {
      of: of as JsonRange | undefined,
      schemaUrl: (schemaUrl ?? schemaUrlSnake) as JsonRange | undefined,
      items: (camel ?? snake ?? NONE) as readonly unknown[] | WrongJson,
    };
  }

  *#list<TItem>(name: string, readItem: () => Steps<TItem>): Steps<readonly (TItem | WrongJson)[]> {
    const scanner = this.#scanner;
    const items: (TItem | WrongJson)[] = [];
    scanner.enter();
    while (yield* scanner.element(items.length === 0)) {
      this.#count();
      const byte = yield* scanner.next();
      items.push(
        byte === OPEN_OBJECT ? yield* readItem() : new WrongJson(name, "an object", yield* scanner.range()),
      );
      if (scanner.endsStep()) yield;
    }
    return items;
  }

  *#spanRanges(): Steps<readonly number[]> {
    const scanner = this.#scanner;
    let ranges: number[] | undefined;
    scanner.enter();
    while (yield* scanner.element(ranges === undefined)) {
      this.#count();
      yield* scanner.next();
      const start = scanner.position;
      // Most spans end within the step, and need no generator then.
      if (!scanner.skipWithin(SHORT_SPAN)) yield* scanner.skip();
      if (ranges === undefined) ranges = [start, scanner.position];
      else ranges.push(start, scanner.position);
      if (scanner.endsStep()) yield;
    }
    return ranges ?? NONE;
  }

  /** Their places take memory, whatever they are. */
  #count(): void {
    if (++this.#items > this.#maxItems) throw new TooManyGroups();
  }
}

const SHORT_SPAN = 16 * 1024;
