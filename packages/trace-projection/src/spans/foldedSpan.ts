import type { OtlpSpan } from "@es/otlp";
import { mayBeAbridged } from "../attributes/abridged.js";
import type { TokenCounts } from "../usage/spanUsage.js";

/** What is made of spans, and is made anew when one of them has changed. */
export interface Stale {
  stale: boolean;
}

/** What was asked of a span is not known, and the span itself was let go of: it has to be read again. */
export class SpanReleased extends Error {
  readonly spanId: string;

  constructor(spanId: string) {
    super(`The data of span ${spanId} was let go of.`);
    this.name = "SpanReleased";
    this.spanId = spanId;
  }
}

type Reader<T> = (span: OtlpSpan) => T;

interface RememberOptions {
  /** What it finds is JSON and mostly the same in many spans, which then share one. @default false */
  readonly shares?: boolean;
}

/** By slot. */
const readers: { readonly read: Reader<unknown>; readonly shares: boolean }[] = [];
const notRead = Symbol("not read");

/**
 * A reader that looks at each folded span once and remembers what it found; any other span it just reads. It has to be a
 * pure function of the span. Made once, when its module is loaded.
 */
export function oncePerSpan<T>(read: Reader<T>, { shares = false }: RememberOptions = {}): Reader<T> {
  const slot = readers.length;
  const reader = (span: OtlpSpan): T => {
    if (!(span instanceof FoldedSpan)) return read(span);
    const known = span.known[slot];
    if (known !== notRead) return known as T;
    const found = read(span);
    span.known[slot] = found;
    return found;
  };
  readers.push({ read: reader, shares });
  return reader;
}

/** Of the spans of one trace, equal values as one. */
export class SharedValues {
  readonly #texts = new Map<string, string>();
  readonly #values = new Map<string, unknown>();
  #bytes = 0;

  /** About how much it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  text(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    this.#bytes += bytesOf(text) + 64;
    return text;
  }

  json(value: unknown): unknown {
    const key = JSON.stringify(value);
    // As JSON, an abridged value and one that reads the same cannot be told apart.
    if (mayBeAbridged(key)) {
      this.#bytes += bytesOf(value);
      return value;
    }
    if (this.#values.has(key)) return this.#values.get(key);
    this.#values.set(key, value);
    this.#bytes += bytesOf(key) + bytesOf(value) + 64;
    return value;
  }
}

/** About what a span without its data takes, with its price and what readers find in most, as measured. */
const BYTES_PER_SPAN = 2_000;

/** Where more is found, by `bytesOf`, it is counted as well. */
const LARGE_FINDS = 4_096;

/** About what a value takes; spans in it are counted where they stand. */
function bytesOf(value: unknown): number {
  if (typeof value === "string") return 24 + value.length * (isWide(value) ? 2 : 1);
  if (typeof value === "bigint") return 24;
  if (typeof value !== "object" || value === null || value instanceof FoldedSpan) return 8;
  if (value instanceof Uint8Array) return 128 + value.byteLength;
  let bytes = 40;
  if (value instanceof Map) for (const [key, member] of value) bytes += 48 + bytesOf(key) + bytesOf(member);
  else for (const member of Object.values(value)) bytes += 8 + bytesOf(member);
  return bytes;
}

/** Whether V8 needs two bytes for a character; of short texts it makes little difference. */
function isWide(text: string): boolean {
  return text.length > 1_000 && /[^\0-\xff]/.test(text);
}

let marks = 0;

/** Something that was found out about folded spans, as a yes; of others it is not remembered. Made when its module is loaded. */
export class SpanMark {
  readonly #bit = 1 << marks++;

  has(span: OtlpSpan): boolean {
    return span instanceof FoldedSpan && (span.marks & this.#bit) !== 0;
  }

  add(span: OtlpSpan): void {
    if (span instanceof FoldedSpan) span.marks |= this.#bit;
  }
}

/**
 * A span in a fold, which outlives its data: the fields that say where it belongs stay, and so does what `oncePerSpan`
 * readers found. Whatever else is asked for after the release throws {@link SpanReleased}: nothing is taken for empty.
 */
export class FoldedSpan implements OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly droppedAttributesCount: number;
  readonly droppedEventsCount: number;
  readonly droppedLinksCount: number;
  /** What readers found, by their slots. */
  readonly known: unknown[] = new Array(readers.length).fill(notRead);
  marks = 0;
  /** The span above, if it has arrived. */
  parent: FoldedSpan | undefined;
  /** Among the spans of its trace, in their order; as far as somebody has set it. */
  position = 0;
  /** Where it stands in that order. */
  run: Stale | undefined;
  /** What its usage adds to the trace's. */
  counted: TokenCounts | undefined;
  /** What that costs, as who prices it keeps it. */
  priced: unknown;
  /** Whether it is the earliest of a cycle, above which nothing is then. */
  isCut = false;
  /** What it has for its trace within the limits, by side, as who reads it keeps it; gone with the data. */
  contents: ReadonlyMap<string, unknown> | undefined;
  #data: OtlpSpan | undefined;
  #largeFinds = 0;
  /** What the data and `contents` hold; they are not gone through each time. */
  #heldBytes: number | undefined;

  constructor(span: OtlpSpan, shared: SharedValues) {
    this.traceId = shared.text(span.traceId);
    this.spanId = shared.text(span.spanId);
    this.parentSpanId = shared.text(span.parentSpanId);
    this.name = shared.text(span.name);
    this.kind = span.kind;
    this.startTimeUnixNano = span.startTimeUnixNano;
    this.endTimeUnixNano = span.endTimeUnixNano;
    this.droppedAttributesCount = span.droppedAttributesCount;
    this.droppedEventsCount = span.droppedEventsCount;
    this.droppedLinksCount = span.droppedLinksCount;
    this.#data = span;
  }

  get isReleased(): boolean {
    return this.#data === undefined;
  }

  /** About how much it holds, but for what it shares. */
  get bytes(): number {
    if (this.#data === undefined) return BYTES_PER_SPAN + this.#largeFinds;
    this.#heldBytes ??= bytesOf(this.#data) + bytesOf(this.contents);
    return BYTES_PER_SPAN + this.#largeFinds + this.#heldBytes;
  }

  keepContent(side: string, content: unknown): void {
    this.contents = new Map([...(this.contents ?? []), [side, content]]);
    this.#heldBytes = undefined;
  }

  /** Has every reader look at it now. */
  read(): void {
    for (const { read } of readers) read(this);
  }

  /** Lets go of the data, after every reader has had a look at it. */
  release(shared: SharedValues): void {
    if (this.#data === undefined) return;
    let found = 0;
    for (const [slot, { read, shares }] of readers.entries()) {
      const value = read(this);
      if (shares) this.known[slot] = shared.json(value);
      else found += bytesOf(value);
    }
    this.#largeFinds = found > LARGE_FINDS ? found : 0;
    this.#data = undefined;
    this.#heldBytes = undefined;
    this.contents = undefined;
  }

  /** Takes the data back. */
  recall(span: OtlpSpan): void {
    this.#data = span;
  }

  get attributes() {
    return this.#whole.attributes;
  }

  get events() {
    return this.#whole.events;
  }

  get links() {
    return this.#whole.links;
  }

  get resource() {
    return this.#whole.resource;
  }

  get scope() {
    return this.#whole.scope;
  }

  get status() {
    return this.#whole.status;
  }

  get traceState() {
    return this.#whole.traceState;
  }

  get flags() {
    return this.#whole.flags;
  }

  get #whole(): OtlpSpan {
    if (this.#data === undefined) throw new SpanReleased(this.spanId);
    return this.#data;
  }
}
