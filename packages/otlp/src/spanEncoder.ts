import type { OtlpSpan, Resource, Scope } from "./span.js";

/**
 * Takes the spans of one request as the bytes they came in, so that no objects are made of what is only passed on. Calls
 * come in the order of the request. The bytes of the request are other bytes after `finish`.
 */
export interface SpanEncoder<Encoded> {
  /**
   * The next spans are of these. With false they are decoded, and come with those of other such groups as objects in the
   * end.
   */
  startGroup(resource: Resource, scope: Scope): boolean;
  /**
   * Prepares for the next span of the group in steps of about a millisecond each: called before the first, and before each where
   * rows repeat much. Gives the bytes of resource and scope that each row repeats. Without it these are the bytes that were
   * sent.
   */
  openGroup?(): Generator<void, number, void>;
  /**
   * Takes the span that is the protobuf message from `start` to `end`, if that is simple and its events, links, attributes and
   * list members are at most `maxItems`. How many they are; -1, and nothing taken, if not: then it is decoded, refused
   * or not by the rules of {@link decodeTraceRequest}, and what is good given to `addSpan`.
   */
  addEncoded(request: Uint8Array, start: number, end: number, maxItems: number): number;
  /** The same of a span that is the JSON from `start` to `end`. That it is JSON has been seen to. */
  addEncodedJson(request: Uint8Array, start: number, end: number, maxItems: number): number;
  addSpan(span: OtlpSpan): void;
  /** {@link addSpan} of a span of many values, in steps of about a millisecond each. Without it such a span takes one step. */
  addLargeSpan?(span: OtlpSpan): Generator<void, void, void>;
  /** All spans taken; undefined if none. */
  finish(): Encoded | undefined;
}
