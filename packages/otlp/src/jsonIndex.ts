import type { Steps } from "./decodeTurns.js";

/** Where a JSON value begins and ends in the bytes of a request. */
export interface JsonRange {
  readonly start: number;
  readonly end: number;
}

export interface ScopeSpansIndex {
  readonly scope: JsonRange | undefined;
  readonly schemaUrl: JsonRange | undefined;
  /** Starts and ends in turn. */
  readonly spans: readonly number[];
}

export interface ResourceSpansIndex {
  readonly resource: JsonRange | undefined;
  readonly schemaUrl: JsonRange | undefined;
  readonly scopes: readonly ScopeSpansIndex[];
}

/** Values may nest this deep; what nests deeper is left to `JSON.parse`. */
const MAX_DEPTH = 256;
/** Bytes looked at in one step: less than a millisecond's work. */
const STEP_BYTES = 256 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Where the spans of an ExportTraceServiceRequest in JSON are, and what they belong to, without making objects of them.
 * Undefined for what is not JSON, or has more than `maxItems` spans, or objects and lists, and for all that is unusual outside of
 * spans, resources and scopes: names that are not known, come twice or hold escapes, null. `decodeJson` knows what to do with that.
 */
export function* indexJson(
  bytes: Uint8Array,
  maxItems: number,
): Steps<readonly ResourceSpansIndex[] | undefined> {
  return yield* new JsonIndexer(bytes, maxItems).request();
}

/** By byte behind a backslash: 1 for the escapes of JSON, `u` apart. */
const isEscape = new Uint8Array(256);
for (const name of '"\\/bfnrt') isEscape[name.charCodeAt(0)] = 1;
const isHex = new Uint8Array(256);
for (const digit of "0123456789abcdefABCDEF") isHex[digit.charCodeAt(0)] = 1;

const name = (text: string): Uint8Array => new Uint8Array(Buffer.from(`"${text}"`));
const RESOURCE_SPANS = [name("resourceSpans")];
const RESOURCE = [name("resource"), name("scopeSpans"), name("schemaUrl")];
const SCOPE = [name("scope"), name("spans"), name("schemaUrl")];
const literals = ["true", "false", "null"].map((text) => new Uint8Array(Buffer.from(text)));

interface Group<TItem> {
  readonly of: JsonRange | undefined;
  readonly schemaUrl: JsonRange | undefined;
  readonly items: readonly TItem[];
}

/** Thrown and caught here. */
class Unusual {}

class JsonIndexer {
  readonly #bytes: Uint8Array;
  readonly #maxItems: number;
  readonly #stack = new Uint8Array(MAX_DEPTH);
  #pos = 0;
  #containers = 0;
  #spans = 0;
  #stepEnd = STEP_BYTES;

  constructor(bytes: Uint8Array, maxItems: number) {
    // A plain array is read faster than a Buffer.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxItems = maxItems;
  }

  *request(): Steps<readonly ResourceSpansIndex[] | undefined> {
    let found: readonly ResourceSpansIndex[] = [];
    try {
      let seen = 0;
      this.#open(OPEN_OBJECT);
      if (!this.#takes(CLOSE_OBJECT)) {
        do {
          seen = this.#member(RESOURCE_SPANS, seen);
          found = yield* this.#list(() => this.#resourceSpans());
        } while (this.#takes(COMMA));
        this.#take(CLOSE_OBJECT);
      }
      this.#skipBlanks();
      if (this.#pos !== this.#bytes.length) return undefined;
    } catch (error) {
      if (error instanceof Unusual) return undefined;
      throw error;
    }
    return found;
  }

  *#resourceSpans(): Steps<ResourceSpansIndex> {
    const { of, schemaUrl, items } = yield* this.#group(RESOURCE, () => this.#list(() => this.#scopeSpans()));
    return { resource: of, schemaUrl, scopes: items };
  }

  *#scopeSpans(): Steps<ScopeSpansIndex> {
    const { of, schemaUrl, items } = yield* this.#group(SCOPE, () => this.#spanRanges());
    return { scope: of, schemaUrl, spans: items };
  }

  /** An object of three members: what its items are of, a list of them, and a schema's URL. */
  *#group<TItem>(
    names: readonly Uint8Array[],
    readItems: () => Steps<readonly TItem[]>,
  ): Steps<Group<TItem>> {
    let of: JsonRange | undefined;
    let schemaUrl: JsonRange | undefined;
    let items: readonly TItem[] = [];
    let seen = 0;
    this.#open(OPEN_OBJECT);
    if (this.#takes(CLOSE_OBJECT)) return { of, schemaUrl, items };
    do {
      const before = seen;
      seen = this.#member(names, seen);
      switch (seen - before) {
        case 1:
          of = this.#range();
          break;
        case 2:
          items = yield* readItems();
          break;
        default:
          schemaUrl = this.#range();
      }
    } while (this.#takes(COMMA));
    this.#take(CLOSE_OBJECT);
    return { of, schemaUrl, items };
  }

  *#list<TItem>(readItem: () => Steps<TItem>): Steps<readonly TItem[]> {
    const items: TItem[] = [];
    this.#open(OPEN_LIST);
    if (this.#takes(CLOSE_LIST)) return items;
    do {
      items.push(yield* readItem());
      if (this.#endsStep()) yield;
    } while (this.#takes(COMMA));
    this.#take(CLOSE_LIST);
    return items;
  }

  /** A list of spans: where they start and end, in turn. */
  *#spanRanges(): Steps<readonly number[]> {
    const ranges: number[] = [];
    this.#open(OPEN_LIST);
    if (this.#takes(CLOSE_LIST)) return ranges;
    do {
      // Those that are neither objects nor lists count, too: their places take memory.
      if (++this.#spans > this.#maxItems) throw new Unusual();
      this.#skipBlanks();
      ranges.push(this.#pos);
      this.#value();
      ranges.push(this.#pos);
      if (this.#endsStep()) yield;
    } while (this.#takes(COMMA));
    this.#take(CLOSE_LIST);
    return ranges;
  }

  #endsStep(): boolean {
    if (this.#pos < this.#stepEnd) return false;
    this.#stepEnd = this.#pos + STEP_BYTES;
    return true;
  }

  /** Reads a name of these and its colon. `seen` with the bit of its place. */
  #member(names: readonly Uint8Array[], seen: number): number {
    this.#skipBlanks();
    for (const [place, text] of names.entries()) {
      if (!this.#reads(text)) continue;
      const bit = 1 << place;
      if ((seen & bit) !== 0) throw new Unusual();
      this.#take(COLON);
      return seen | bit;
    }
    throw new Unusual();
  }

  #range(): JsonRange {
    this.#skipBlanks();
    const start = this.#pos;
    this.#value();
    return { start, end: this.#pos };
  }

  /** Any value, held to the grammar of JSON. */
  #value(): void {
    const bytes = this.#bytes;
    const stack = this.#stack;
    let depth = 0;
    for (;;) {
      this.#skipBlanks();
      const byte = bytes[this.#pos];
      if (byte === QUOTE) this.#string();
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (depth === MAX_DEPTH) throw new Unusual();
        this.#open(byte);
        if (!this.#takes(byte + 2)) {
          stack[depth++] = byte;
          if (byte === OPEN_OBJECT) this.#name();
          continue;
        }
      } else if (!this.#number() && !literals.some((text) => this.#reads(text))) throw new Unusual();
      // A value has ended, and with it perhaps those around it.
      for (;;) {
        if (depth === 0) return;
        const opened = stack[depth - 1] as number;
        if (this.#takes(COMMA)) {
          if (opened === OPEN_OBJECT) this.#name();
          break;
        }
        // Brackets and braces close two behind where they open.
        this.#take(opened + 2);
        depth--;
      }
    }
  }

  #name(): void {
    this.#skipBlanks();
    if (this.#bytes[this.#pos] !== QUOTE) throw new Unusual();
    this.#string();
    this.#take(COLON);
  }

  #string(): void {
    const bytes = this.#bytes;
    let at = this.#pos + 1;
    while (at < bytes.length) {
      const byte = bytes[at++] as number;
      if (byte > BACKSLASH) continue;
      if (byte === QUOTE) {
        this.#pos = at;
        return;
      }
      if (byte < 0x20) break;
      if (byte !== BACKSLASH) continue;
      const escaped = bytes[at++];
      if (escaped === undefined) break;
      if (isEscape[escaped] === 1) continue;
      if (escaped !== 0x75) break;
      for (const end = at + 4; at < end; at++) if (isHex[bytes[at] ?? 0] !== 1) throw new Unusual();
    }
    throw new Unusual();
  }

  #number(): boolean {
    const bytes = this.#bytes;
    let at = this.#pos;
    if (bytes[at] === 0x2d) at++;
    if (!isDigit(bytes[at])) return false;
    if (bytes[at] === 0x30) at++;
    else while (isDigit(bytes[at])) at++;
    if (bytes[at] === 0x2e) {
      if (!isDigit(bytes[++at])) return false;
      while (isDigit(bytes[at])) at++;
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
      if (!isDigit(bytes[at])) return false;
      while (isDigit(bytes[at])) at++;
    }
    this.#pos = at;
    return true;
  }

  #open(bracket: number): void {
    this.#take(bracket);
    if (++this.#containers > this.#maxItems) throw new Unusual();
  }

  #take(byte: number): void {
    if (!this.#takes(byte)) throw new Unusual();
  }

  #takes(byte: number): boolean {
    this.#skipBlanks();
    if (this.#bytes[this.#pos] !== byte) return false;
    this.#pos++;
    return true;
  }

  #reads(text: Uint8Array): boolean {
    const bytes = this.#bytes;
    const start = this.#pos;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
    this.#pos = start + text.length;
    return true;
  }

  #skipBlanks(): void {
    const bytes = this.#bytes;
    for (;;) {
      const byte = bytes[this.#pos];
      if (byte === undefined || byte > 0x20) return;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) throw new Unusual();
      this.#pos++;
    }
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
