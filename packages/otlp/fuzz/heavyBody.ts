import { encodeTraceRequest, type OtlpEncoding } from "../src/index.js";
import type { Corpus } from "./corpus.js";
import { Random } from "./random.js";

/** A body that could cost much more than its bytes. */
export interface HeavyBody {
  readonly name: string;
  readonly encoding: OtlpEncoding;
  readonly bytes: Buffer;
}

const MAX_BYTES = 2_000_000;
const IDS = Buffer.from("0a100102030405060708090a0b0c0d0e0f1012080102030405060708", "hex");
const JSON_IDS = '"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"';

/** Fields of protobuf that repeat: in a span, in the value of its attribute, in a resource, or in the request. */
const fields = [
  "4a00",
  "5a00",
  "6a00",
  "7a00",
  "0a00",
  "0a022a00",
  "0a023200",
  "0a0432020a00",
  "f80100",
  "1200",
  "08",
];
const places = ["span", "list", "map", "resource", "request", "group", "event"] as const;
/** Values of JSON that repeat: in a member that nobody knows, or in one that is known. */
const values = [
  "1",
  "1234567890123456",
  "{}",
  "[]",
  '""',
  "null",
  '{"key":"a"}',
  '{"arrayValue":{}}',
  '{"kvlistValue":{"values":[{}]}}',
  '{"unknown":[1,2,3]}',
];
const members = ["unknown", "attributes", "events", "links", "values", "entries"] as const;

/** The heavy body of one place of a seed. */
export function makeHeavyBody(corpus: Corpus, seed: number, place: number): HeavyBody {
  const random = new Random(seed, place);
  const size = 1 + random.below(MAX_BYTES);
  switch (random.below(9)) {
    case 0:
      return {
        name: "zeros",
        encoding: "protobuf",
        bytes: Buffer.alloc(size, random.pick([0, 0x20, 0x5b, 0xff])),
      };
    case 1: {
      const spans = random.pick(corpus.spans);
      const encoding = random.pick(["protobuf", "json"] as const);
      const many = Array.from({ length: Math.ceil(size / 2_000 / spans.length) }, () => spans).flat();
      return { name: `valid ${encoding}`, encoding, bytes: Buffer.from(encodeTraceRequest(many, encoding)) };
    }
    case 2:
    case 3:
    case 4: {
      const hex = random.pick(fields);
      const where = random.pick(places);
      const unit = Buffer.from(hex, "hex");
      const many = Buffer.alloc(Math.floor(size / unit.length) * unit.length, unit);
      return { name: `${hex} in ${where}`, encoding: "protobuf", bytes: protobufAround(many, where) };
    }
    case 8: {
      const large = Buffer.alloc(Math.ceil(size / 2), 0x78);
      const span = field(0x12, IDS);
      const spans = Buffer.alloc(Math.ceil(size / 2 / span.length) * span.length, span);
      const resource = field(0x0a, field(0x0a, field(0x12, field(0x0a, large))));
      const bytes = field(0x0a, Buffer.concat([resource, field(0x12, spans)]));
      return { name: "a large resource and small spans", encoding: "protobuf", bytes };
    }
    default: {
      const value = random.pick(values);
      const member = random.pick(members);
      const list = `[${`${value},`.repeat(Math.floor(size / (value.length + 1)))}${value}]`;
      const keys = random.chance(20) ? distinctKeys(size) : list;
      const isBeside = random.chance(50);
      return {
        name: `${value} in ${member}`,
        encoding: "json",
        bytes: Buffer.from(jsonAround(member, keys, isBeside)),
      };
    }
  }
}

function protobufAround(many: Buffer, where: (typeof places)[number]): Buffer {
  const span = (content: Buffer) => field(0x0a, field(0x12, field(0x12, Buffer.concat([IDS, content]))));
  const attribute = (value: Buffer) => field(0x4a, field(0x12, value));
  switch (where) {
    case "span":
      return span(many);
    case "list":
      return span(attribute(field(0x2a, many)));
    case "map":
      return span(attribute(field(0x32, many)));
    case "event":
      return span(field(0x5a, many));
    case "resource":
      return field(0x0a, field(0x0a, many));
    case "request":
      return many;
    default:
      return Buffer.concat([Buffer.of(0x7b), many, Buffer.of(0x7c), span(Buffer.alloc(0))]);
  }
}

function jsonAround(member: (typeof members)[number], value: string, isBeside: boolean): string {
  const holder = member === "values" ? "arrayValue" : "kvlistValue";
  const known =
    member === "values" || member === "entries"
      ? `"attributes":[{"key":"a","value":{"${holder}":{"values":${value}}}}]`
      : `"${member}":${value}`;
  const [inSpan, beside] = isBeside ? ["", `,${known}`] : [`,${known}`, ""];
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[{${JSON_IDS}${inSpan}}]}]}]${beside}}`;
}

function distinctKeys(size: number): string {
  const keys: string[] = [];
  for (let length = 0, i = 0; length < size; i++) {
    const key = `"${i.toString(36)}":0`;
    length += key.length + 1;
    keys.push(key);
  }
  return `{${keys.join()}}`;
}

function field(tag: number, content: Buffer): Buffer {
  const head = [tag];
  let length = content.length;
  for (; length >= 0x80; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Buffer.concat([Buffer.from(head), content]);
}
