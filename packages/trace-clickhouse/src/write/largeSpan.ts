import type { Attributes, AttributeValue } from "@es/otlp";
import { type MapColumn, NativeBytes } from "@es/store-clickhouse";
import { abridgedText, attributeToJson, attributeToText, MAX_JSON_DEPTH } from "@es/trace-projection";
import { indexLike, toExactValue } from "../columns/exactValue.js";

/** Values written in one step: less than a millisecond's work. */
const STEP_VALUES = 256;
/** Lists and maps of more members are written member by member. */
const WIDE = 64;

/** Work in steps: see `SpanEncoder.addLargeSpan`. */
export type WritingSteps = Generator<void, void, void>;

/** Writes the attributes, events and links of a large span in steps, the same bytes as its row would give. */
export class LargeSpanWriter {
  readonly #text = new NativeBytes();
  #written = 0;

  /**
   * Writes a map into a column, and behind `before` into `exact` what the column loses; nothing there if that is nothing.
   * Keys that a JavaScript object would move keep their place in the column.
   */
  *map(column: MapColumn, attributes: Attributes, exact: NativeBytes, before: string): WritingSteps {
    let values = 0;
    let isMoved = false;
    for (const [key, value] of attributes) {
      column.keys.push(column.keys.keyOf(key));
      if (typeof value === "string") column.values.text(value);
      else {
        if (this.#isWide(value)) {
          this.#text.length = 0;
          yield* this.#json(this.#text, value, 0);
          column.values.varint(this.#text.length);
          column.values.raw(this.#text.bytes, 0, this.#text.length);
        } else column.values.text(attributeToText(value));
        exact.bareText(values++ === 0 ? `${before}{"values":[` : ",");
        yield* this.#exactEntry(exact, key, value);
      }
      isMoved ||= indexLike.test(key);
      if (this.#endsStep()) yield;
    }
    column.endMap();
    if (isMoved) {
      exact.bareText(values > 0 ? '],"order":[' : `${before}{"order":[`);
      let keys = 0;
      for (const key of attributes.keys()) {
        exact.bareText(`${keys++ === 0 ? "" : ","}${JSON.stringify(key)}`);
        if (this.#endsStep()) yield;
      }
    }
    if (values > 0 || isMoved) exact.bareText("]}");
  }

  /** Writes attributes with their types into `out`, as a list behind `before`. */
  *entries(out: NativeBytes, attributes: Attributes, before: string): WritingSteps {
    out.bareText(before);
    let entries = 0;
    for (const [key, value] of attributes) {
      out.bareText(entries++ === 0 ? "[" : ",");
      yield* this.#exactEntry(out, key, value);
      if (this.#endsStep()) yield;
    }
    out.bareText(entries === 0 ? "[]" : "]");
  }

  /** As `attributeToText`. */
  *text(value: AttributeValue): Generator<void, string, void> {
    if (!this.#isWide(value)) return attributeToText(value);
    this.#text.length = 0;
    yield* this.#json(this.#text, value, 0);
    return this.#text.bytes.toString("utf8", 0, this.#text.length);
  }

  /** Whether the caller, who wrote one more value, is to end its step. */
  endsStep(): boolean {
    return this.#endsStep();
  }

  *#exactEntry(out: NativeBytes, key: string, value: AttributeValue): WritingSteps {
    if (!this.#isWide(value)) {
      out.bareText(JSON.stringify([key, toExactValue(value)]));
      return;
    }
    out.bareText(`[${JSON.stringify(key)},`);
    yield* this.#exact(out, value);
    out.bareText("]");
  }

  *#exact(out: NativeBytes, value: AttributeValue): WritingSteps {
    let members = 0;
    if (value instanceof Map) {
      out.bareText('{"map":[');
      for (const [key, member] of value as Attributes) {
        if (members++ > 0) out.bareText(",");
        yield* this.#exactEntry(out, key, member);
        if (this.#endsStep()) yield;
      }
    } else {
      out.bareText('{"list":[');
      for (const member of value as readonly AttributeValue[]) {
        if (members++ > 0) out.bareText(",");
        if (this.#isWide(member)) yield* this.#exact(out, member);
        else out.bareText(JSON.stringify(toExactValue(member)));
        if (this.#endsStep()) yield;
      }
    }
    out.bareText("]}");
  }

  /** As `attributeToText` writes it. */
  *#json(out: NativeBytes, value: AttributeValue, depth: number): WritingSteps {
    if (!this.#isWide(value) || depth >= MAX_JSON_DEPTH) {
      out.bareText(jsonText(value, depth));
      return;
    }
    let members = 0;
    if (value instanceof Map) {
      const entries = value as Attributes;
      // Where an object has them: such keys come first, in the order of their numbers.
      const moved: string[] = [];
      for (const key of entries.keys()) {
        if (indexLike.test(key) && Number(key) < 2 ** 32 - 1) moved.push(key);
        if (this.#endsStep()) yield;
      }
      moved.sort((a, b) => Number(a) - Number(b));
      const isMoved = new Set(moved);
      out.bareText("{");
      for (const keys of [moved, entries.keys()]) {
        for (const key of keys) {
          if (keys !== moved && isMoved.has(key)) continue;
          out.bareText(`${members++ === 0 ? "" : ","}${JSON.stringify(key)}:`);
          yield* this.#json(out, entries.get(key) as AttributeValue, depth + 1);
          if (this.#endsStep()) yield;
        }
      }
      out.bareText("}");
      return;
    }
    out.bareText("[");
    for (const member of value as readonly AttributeValue[]) {
      if (members++ > 0) out.bareText(",");
      yield* this.#json(out, member, depth + 1);
      if (this.#endsStep()) yield;
    }
    out.bareText("]");
  }

  /** A list or a map of many members, or of one that is such a list or map in turn. */
  #isWide(value: AttributeValue): boolean {
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
    return "size" in value
      ? value.size > WIDE || isNested(value.values())
      : value.length > WIDE || isNested(value);
  }

  #endsStep(): boolean {
    return ++this.#written % STEP_VALUES === 0;
  }
}

function isNested(members: Iterable<AttributeValue>): boolean {
  for (const member of members)
    if (typeof member === "object" && member !== null && !(member instanceof Uint8Array)) return true;
  return false;
}

function jsonText(value: AttributeValue, depth: number): string {
  const json = attributeToJson(value, depth);
  if (typeof json === "string") return JSON.stringify(json);
  const text = abridgedText(json);
  return typeof text === "string" ? text : text.text;
}
