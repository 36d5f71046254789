import { type LowCardinalityColumn, NativeBytes } from "@es/store-clickhouse";
import type { SpanBlock } from "../write/spanBlock.js";
import type { SpanGroup } from "../write/spanGroup.js";
import { PlainAttributes } from "./plainAttributes.js";
import { spanKinds, statusCodes } from "./spanRow.js";

const kindTexts = spanKinds.map((kind) => Buffer.from(kind));
const statusTexts = statusCodes.map((code) => Buffer.from(code));
const VALUES = new Uint8Array(Buffer.from(',"attributes":{"values":['));
const VALUES_END = new Uint8Array(Buffer.from("]}"));

/** Columns of a row that are written one by one. */
export const written = {
  traceId: 1,
  spanId: 2,
  traceState: 4,
  parentSpanId: 8,
  name: 16,
  statusMessage: 32,
} as const;

/** What is gathered of a span until its row can be finished, wherever the span comes from. */
export class PlainSpanRow {
  readonly attributes = new PlainAttributes();
  readonly eventAttributes = new PlainAttributes();
  /** Which columns have the row, as bits of {@link written}. */
  written = 0;
  /** Index in `spanKinds`. */
  kind = 0;
  /** Index in `statusCodes`. */
  status = 0;
  flags = 0;
  droppedAttributes = 0;
  droppedEvents = 0;
  droppedLinks = 0;
  /** Halves of 64-bit integers. */
  startLow = 0;
  startHigh = 0;
  endLow = 0;
  endHigh = 0;
  #events = 0;
  /** JSON of what the columns of events lose. */
  readonly #exactEvents = new NativeBytes();
  readonly #text = new NativeBytes();

  /** Bytes held for what may come, about. */
  get capacity(): number {
    const buffers = this.#exactEvents.bytes.length + this.#text.bytes.length;
    return buffers + this.attributes.capacity + this.eventAttributes.capacity;
  }

  begin(block: SpanBlock): void {
    this.attributes.begin(block.attributes);
    this.#exactEvents.length = 0;
    this.#events = 0;
    this.written = 0;
    this.kind = 0;
    this.status = 0;
    this.flags = 0;
    this.droppedAttributes = 0;
    this.droppedEvents = 0;
    this.droppedLinks = 0;
    this.startLow = 0;
    this.startHigh = 0;
    this.endLow = 0;
    this.endHigh = 0;
  }

  beginEvent(block: SpanBlock): void {
    this.eventAttributes.begin(block.eventAttributes);
  }

  /** Behind its time, its name and its attributes. */
  endEvent(block: SpanBlock, dropped: number): void {
    const place = this.#events++;
    const values = this.eventAttributes.exact;
    block.eventAttributes.endMap();
    if (dropped === 0 && values.length === 0) return;
    const exact = this.#exactEvents;
    exact.latin1(`,[${place},{`);
    if (dropped !== 0) exact.latin1(`"dropped":${dropped}`);
    if (values.length > 0) {
      exact.latin1(dropped === 0 ? '"attributes":{"values":[' : ',"attributes":{"values":[');
      exact.raw(values.bytes, 1, values.length);
      exact.latin1("]}");
    }
    exact.latin1("}]");
  }

  /** Writes what is not {@link written}. False if the span is not plain after all. */
  finish(block: SpanBlock, group: SpanGroup): boolean {
    const has = this.written;
    if ((has & written.traceId) === 0 || (has & written.spanId) === 0) return false;
    if ((has & written.traceState) === 0) block.traceStates.byte(0);
    if ((has & written.parentSpanId) === 0) block.parentSpanIds.byte(0);
    if ((has & written.name) === 0) block.names.push(0);
    if ((has & written.statusMessage) === 0) block.statusMessages.byte(0);
    if (!this.#times(block)) return false;
    pushText(block.kinds, kindTexts[this.kind] as Uint8Array);
    pushText(block.statusCodes, statusTexts[this.status] as Uint8Array);
    block.attributes.endMap();
    block.eventOffsets.count(block.eventNames.length);
    block.linkOffsets.count(block.links);
    group.write(block);
    this.#exact(block.exacts, group.exact);
    block.rows++;
    return true;
  }

  #times(block: SpanBlock): boolean {
    const { startLow, startHigh, endLow, endHigh } = this;
    // More than DateTime64(9) holds.
    if (startHigh >= 0x80000000) return false;
    block.timestamps.uint64(startLow, startHigh);
    block.starts.uint64(startLow, startHigh);
    block.ends.uint64(endLow, endHigh);
    const started = (startLow | startHigh) !== 0;
    const later = endHigh > startHigh || (endHigh === startHigh && endLow > startLow);
    if (started && later) {
      const borrow = endLow < startLow ? 1 : 0;
      block.durations.uint64((endLow - startLow) >>> 0, (endHigh - startHigh - borrow) >>> 0);
    } else block.durations.uint64(0, 0);
    return true;
  }

  /** In the order of `spanEventToRow`. */
  #exact(out: NativeBytes, group: Uint8Array): void {
    const text = this.#text;
    const values = this.attributes.exact;
    const events = this.#exactEvents;
    text.length = 0;
    if (this.flags !== 0) text.latin1(`,"flags":${this.flags}`);
    if ((this.droppedAttributes | this.droppedEvents | this.droppedLinks) !== 0) {
      text.latin1(`,"dropped":[${this.droppedAttributes},${this.droppedEvents},${this.droppedLinks}]`);
    }
    if (values.length > 0) {
      text.raw(VALUES, 0, VALUES.length);
      text.raw(values.bytes, 1, values.length);
      text.raw(VALUES_END, 0, VALUES_END.length);
    }
    text.raw(group, 0, group.length);
    if (events.length > 0) {
      text.latin1(',"events":[');
      text.raw(events.bytes, 1, events.length);
      text.byte(0x5d);
    }
    if (text.length === 0) {
      out.byte(0);
      return;
    }
    // Each member came behind a comma: the first makes room for the brace.
    text.bytes[0] = 0x7b;
    text.byte(0x7d);
    out.varint(text.length);
    out.raw(text.bytes, 0, text.length);
  }
}

function pushText(column: LowCardinalityColumn, text: Uint8Array): void {
  column.push(column.key(text, 0, text.length));
}
