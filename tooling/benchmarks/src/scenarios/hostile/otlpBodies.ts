import { gzipSync } from "node:zlib";

/** A body, and what is said of it in headers. */
export interface OtlpBody {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const IDS = { traceId: "0102030405060708090a0b0c0d0e0f10", spanId: "0102030405060708" };
const JSON_SPAN = `{"traceId":"${IDS.traceId}","spanId":"${IDS.spanId}","name":"a"}`;

export function gzipped(bytes: Buffer, contentType: OtlpType): OtlpBody {
  return { bytes: gzipSync(bytes), headers: { ...typeHeader(contentType), "Content-Encoding": "gzip" } };
}

export function plain(bytes: Buffer, contentType: OtlpType): OtlpBody {
  return { bytes, headers: typeHeader(contentType) };
}

type OtlpType = "protobuf" | "json";

function typeHeader(type: OtlpType): Readonly<Record<string, string>> {
  return { "Content-Type": type === "json" ? "application/json" : "application/x-protobuf" };
}

/** A request with one good span, and a member that OTLP does not know, beside it or in it. */
export function jsonWithUnknown(value: string, where: "request" | "span" = "request"): Buffer {
  const inSpan = where === "span" ? JSON_SPAN.replace("}", `,"unknown":${value}}`) : JSON_SPAN;
  const beside = where === "request" ? `,"unknown":${value}` : "";
  return Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${inSpan}]}]}]${beside}}`);
}

/** A field of protobuf with its length: `tag` is number << 3 | 2. */
export function field(tag: number, content: Buffer): Buffer {
  const head = [tag];
  let length = content.length;
  for (; length >= 0x80; length = Math.floor(length / 128)) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Buffer.concat([Buffer.from(head), content]);
}

/** A request of one span, with these fields behind its ids. */
export function protobufSpan(fields: Buffer): Buffer {
  const ids = Buffer.concat([
    field(0x0a, Buffer.from(IDS.traceId, "hex")),
    field(0x12, Buffer.from(IDS.spanId, "hex")),
  ]);
  return field(0x0a, field(0x12, field(0x12, Buffer.concat([ids, fields]))));
}

/** So many attributes with keys of their own. */
export function distinctAttributes(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => field(0x4a, field(0x0a, Buffer.from(i.toString(36))))),
  );
}

/** A request of one resource with a text of so many characters, and so many spans with nothing but ids. */
export function largeResource(characters: number, spans: number): Buffer {
  const value = field(0x12, field(0x0a, Buffer.alloc(characters, "x")));
  const resource = field(0x0a, field(0x0a, Buffer.concat([field(0x0a, Buffer.from("large")), value])));
  const many = Array.from({ length: spans }, (_, i) => {
    const spanId = Buffer.alloc(8);
    spanId.writeUInt32BE(i + 1);
    return field(0x12, Buffer.concat([field(0x0a, Buffer.from(IDS.traceId, "hex")), field(0x12, spanId)]));
  });
  return field(0x0a, Buffer.concat([resource, field(0x12, Buffer.concat(many))]));
}
