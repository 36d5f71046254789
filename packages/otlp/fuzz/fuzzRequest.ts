import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from "node:zlib";
import type { Corpus } from "./corpus.js";
import { jsonMeaning, type Meaning, protobufMeaning } from "./expectation.js";
import { limits } from "./limits.js";
import { mutateBytes, mutateJson } from "./mutate.js";
import { Random } from "./random.js";

export interface FuzzRequest {
  /** As it goes over the wire. */
  readonly bytes: readonly Buffer[];
  /** What it means if it is taken at all. */
  readonly meaning: Meaning;
  /** Whether nothing but the body may be a reason to refuse it, so that what has a meaning must be taken. */
  readonly isPlain: boolean;
  /** Whether the connection cannot be used after it. */
  readonly isLast: boolean;
  /** Whether it never ends, so that there may be no answer. */
  readonly isCut: boolean;
}

/** The request of one place of a seed. */
export function makeRequest(corpus: Corpus, seed: number, place: number): FuzzRequest {
  const random = new Random(seed, place);
  const isJson = random.chance(45);
  const content = isJson ? jsonBody(corpus, random) : protobufBody(corpus, random);
  const coded = encode(content, random);
  const headers = new Map<string, string>([
    ["Host", "fuzz"],
    ["Content-Type", isJson ? "application/json" : "application/x-protobuf"],
    ["x-tenant", String(random.below(3))],
  ]);
  if (coded.coding !== undefined) headers.set("Content-Encoding", coded.coding);
  const mutated = random.chance(8)
    ? mutateHeaders(headers, isJson, random)
    : { isPlain: true, startLine: undefined };

  const chunked = random.chance(15);
  const cut = !chunked && random.chance(1);
  const shorter = !chunked && !cut && coded.bytes.length > 0 && random.chance(2);
  // Of a body that is announced shorter than it is, only the beginning is the body.
  const length = shorter
    ? random.below(coded.bytes.length)
    : coded.bytes.length + (cut ? 1 + random.below(50) : 0);
  const received = shorter ? coded.bytes.subarray(0, length) : coded.bytes;
  // By what the headers say in the end, whatever it was encoded with.
  const coding = headers.get("Content-Encoding")?.toLowerCase().replace("x-gzip", "gzip") || "identity";
  const inflated = inflate(received, coding);
  const meaning: Meaning =
    inflated === undefined
      ? { kind: "unreadable" }
      : isJson
        ? jsonMeaning(inflated)
        : protobufMeaning(inflated);

  if (chunked) headers.set("Transfer-Encoding", "chunked");
  else headers.set("Content-Length", String(length));
  const head = [
    mutated.startLine ?? "POST /v1/traces HTTP/1.1",
    ...[...headers].map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n");
  const body = chunked ? chunk(coded.bytes, random) : coded.bytes;
  return {
    bytes: split(Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), body]), random),
    meaning,
    isPlain:
      mutated.isPlain &&
      !cut &&
      // What follows a body is no request, and may be refused before the body is answered.
      !shorter &&
      received.length <= (coding === "identity" ? limits.maxBodyBytes : limits.maxCompressedBytes) &&
      (inflated?.length ?? 0) <= limits.maxBodyBytes,
    isLast: !mutated.isPlain || shorter || cut,
    isCut: cut,
  };
}

function protobufBody(corpus: Corpus, random: Random): Buffer {
  const original = random.pick(corpus.protobuf);
  if (random.chance(10)) return original;
  if (random.chance(1)) return manyItems(random);
  return mutateBytes(original, random.pick(corpus.protobuf), random);
}

function jsonBody(corpus: Corpus, random: Random): Buffer {
  const original = random.pick(corpus.json);
  return random.chance(10) ? Buffer.from(original) : mutateJson(original, random.pick(corpus.json), random);
}

/** Two bytes each on the wire, and many in memory. */
function manyItems(random: Random): Buffer {
  return Buffer.alloc(2 * (1 + random.below(limits.maxItems * 2)), Buffer.from([0x0a, 0x00]));
}

interface Coded {
  readonly bytes: Buffer;
  readonly coding: string | undefined;
}

function encode(content: Buffer, random: Random): Coded {
  if (random.chance(60)) return { bytes: content, coding: undefined };
  const [coding, compress] = random.pick([
    ["gzip", gzipSync],
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
  ] as const);
  // Now and then far more than it may become.
  const compressed =
    random.below(500) === 0
      ? compress(Buffer.alloc(limits.maxBodyBytes * (1 + random.below(40))))
      : compress(content);
  return { bytes: random.chance(30) ? mutateBytes(compressed, content, random) : compressed, coding };
}

/** What the body becomes; undefined when it cannot be inflated. */
function inflate(bytes: Buffer, coding: string): Buffer | undefined {
  if (coding === "identity") return bytes;
  const options = { maxOutputLength: limits.maxBodyBytes + 1 };
  try {
    if (coding === "gzip") return gunzipSync(bytes, options);
    if (coding !== "deflate") return undefined;
    return ((bytes[0] ?? 8) & 0x0f) === 8 ? inflateSync(bytes, options) : inflateRawSync(bytes, options);
  } catch {
    return undefined;
  }
}

function mutateHeaders(
  headers: Map<string, string>,
  isJson: boolean,
  random: Random,
): { readonly isPlain: false; readonly startLine: string | undefined } {
  switch (random.below(9)) {
    case 0:
      headers.set(
        "Content-Type",
        random.pick(["text/plain", "", "application/json, text/plain", "a/b;".repeat(50)]),
      );
      break;
    case 1:
      headers.set(
        "Content-Encoding",
        random.pick(["br", "gzip, gzip", "zstd", "GZIP", "x-gzip", "", "identity"]),
      );
      break;
    case 2:
      return {
        isPlain: false,
        startLine: random.pick(["GET /v1/traces HTTP/1.1", "PUT /v1/traces HTTP/1.1"]),
      };
    case 3:
      return {
        isPlain: false,
        startLine: `POST ${random.pick(["/", "/v1/metrics", "/v1/traces/", "//v1/traces", "/v1/traces?a=b", "*", "/%00"])} HTTP/1.1`,
      };
    case 4:
      return {
        isPlain: false,
        startLine: random.pick(["POST /v1/traces", "POST  HTTP/1.1", "\u0000", "POST /v1/traces HTTP/9.9"]),
      };
    case 5:
      headers.set(random.pick(["x", "x y", "x\u0000", "é", ":"]), "a");
      break;
    case 6:
      headers.set("x-long", "a".repeat(random.pick([100, 10_000, 20_000])));
      break;
    case 7:
      headers.set("x-api-key", "wrong");
      break;
    default:
      // The same type in other letters, with a parameter.
      headers.set("content-type", isJson ? "Application/JSON; charset=utf-8" : "application/X-Protobuf;a=b");
      headers.delete("Content-Type");
  }
  return { isPlain: false, startLine: undefined };
}

function chunk(bytes: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + random.below(random.chance(50) ? 10 : 5_000));
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
    at += piece.length;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Mostly in one piece; sometimes as a slow network brings it. */
function split(bytes: Buffer, random: Random): readonly Buffer[] {
  if (!random.chance(3)) return [bytes];
  const at = random.below(bytes.length);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
