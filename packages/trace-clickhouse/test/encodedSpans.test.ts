import { parseTenantId, type TenantId } from "@es/core";
import {
  type DecodedTraceRequest,
  decodeTraceRequest,
  encodeTraceRequest,
  type OtlpEncoding,
  type OtlpSpan,
} from "@es/otlp";
import type { EncodedRows } from "@es/store-clickhouse";
import { createSpanEvent } from "@es/trace-projection";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mutateBytes, mutateJson } from "../../otlp/fuzz/mutate.js";
import { Random } from "../../otlp/fuzz/random.js";
import { messageBytes, spanGroups } from "../../otlp/test/fixtures/arbitraries.js";
import { decodeByReference } from "../../otlp/test/fixtures/reference.js";
import { anySpan } from "../../trace-projection/test/spanArbitraries.js";
import {
  type EncodedSpans,
  SpanIngestionWriteRepositoryClickHouse,
  spanEventStoreClickHouse,
} from "../src/index.js";
import { SpanBlockEncoder, SpanBlockPool } from "../src/write/spanBlockEncoder.js";
import { newTestDatabase, type TestDatabase } from "./testDatabase.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase();
});
afterAll(() => db.drop());

/** Says how many spans did not become objects on their way. */
class CountingEncoder extends SpanBlockEncoder {
  plain = 0;

  override addEncoded(request: Uint8Array, start: number, end: number, maxItems: number): number {
    const items = super.addEncoded(request, start, end, maxItems);
    if (items >= 0) this.plain++;
    return items;
  }

  override addEncodedJson(request: Uint8Array, start: number, end: number, maxItems: number): number {
    const items = super.addEncodedJson(request, start, end, maxItems);
    if (items >= 0) this.plain++;
    return items;
  }
}

type Attempt<T> = T | { readonly refused: string };

function attempt<T>(work: () => T): Attempt<T> {
  try {
    return work();
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

interface Sent {
  readonly bytes: Uint8Array;
  readonly encoding: OtlpEncoding;
}

const protobuf = (bytes: Uint8Array): Sent => ({ bytes, encoding: "protobuf" });
const json = (bytes: Uint8Array): Sent => ({ bytes, encoding: "json" });
const jsonOf = (spans: readonly OtlpSpan[]) => Buffer.from(encodeTraceRequest(spans, "json")).toString();

/** Sends the same to both ways, and compares what they take, what they refuse, and every byte they store. */
async function compare(requests: readonly Sent[], options: { maxItems?: number } = {}) {
  const [simple, fast] = [newTenant(), newTenant()];
  const store = spanEventStoreClickHouse(db.client, { database: db.database });
  const pool = new SpanBlockPool();
  let stamps = 1_780_000_000_000_000_000n;
  let stored = 0;
  let plain = 0;
  let refusedRequests = 0;
  const events: OtlpSpan[] = [];
  const encoded: EncodedSpans[] = [];
  const blocks = [];
  for (const { bytes, encoding } of requests) {
    const expected: Attempt<DecodedTraceRequest> = attempt(() =>
      decodeTraceRequest(bytes, encoding, options),
    );
    const encoder = new CountingEncoder(pool, () => true);
    const found = attempt(() => decodeTraceRequest(bytes, encoding, options, encoder));
    if ("refused" in expected) {
      expect(found).toEqual(expected);
      refusedRequests++;
      continue;
    }
    expect(found).toEqual({ ...expected, spans: [] });
    const made = encoder.finish();
    expect(made?.count ?? 0).toBe(expected.spans.length);
    expect(made?.traceIds ?? []).toEqual([...new Set(expected.spans.map(({ traceId }) => traceId))]);
    plain += encoder.plain;
    stored += expected.spans.length;
    events.push(...spansByAnotherDecoder(bytes, encoding, expected));
    if (made === undefined) continue;
    encoded.push(made);
    blocks.push(...made.seal(fast, () => stamps++));
  }
  const first = stamps - BigInt(stored);
  await store.storeEvents(
    events.map((span, place) => createSpanEvent(span, first + BigInt(place))),
    { tenantId: simple },
  );
  await store.storeEncodedRows(blocks, { tenantId: fast });
  const rows = await storedRows(fast);
  expect(rows).toEqual(await storedRows(simple));
  return { requests: requests.length, refusedRequests, stored, plain, rows: rows.length };
}

/** protobufjs where it can tell: it knows no limit of depth. */
function spansByAnotherDecoder(
  bytes: Uint8Array,
  encoding: OtlpEncoding,
  decoded: DecodedTraceRequest,
): readonly OtlpSpan[] {
  if (encoding === "json") return decoded.spans;
  const reference = attempt(() => decodeByReference(bytes));
  return "refused" in reference || reference.rejectedCount !== decoded.rejectedCount
    ? decoded.spans
    : reference.spans;
}

async function storedRows(tenantId: TenantId): Promise<readonly string[]> {
  const result = await db.client.query({
    query:
      `SELECT * EXCEPT (TenantId) FROM ${db.database}.spans FINAL WHERE TenantId = {tenantId: String} ` +
      "ORDER BY TraceId, SpanId",
    format: "JSONEachRow",
    query_params: { tenantId },
  });
  return (await result.text()).split("\n");
}

let tenants = 0;
const newTenant = () => parseTenantId(`encoded-${++tenants}`);

const plainText = fc.constantFrom("stop", "gpt-4o", "größe", "a".repeat(60), "", "😀".repeat(20));
const usualValue = fc.oneof(
  { arbitrary: plainText, weight: 8 },
  { arbitrary: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }), weight: 8 },
  { arbitrary: fc.double({ noNaN: true, min: 5e-324, max: 1e300 }), weight: 8 },
  { arbitrary: fc.boolean(), weight: 8 },
  { arbitrary: fc.array(fc.constantFrom("stop", "length", ""), { maxLength: 3 }), weight: 8 },
  { arbitrary: fc.constantFrom('say "no"', "x\ny", 2n ** 53n, -1n, -0, ['"'], ["größe"]), weight: 1 },
);
const usualKey = fc.oneof(
  { arbitrary: fc.constantFrom("gen_ai.request.model", "server.port", "a.b", "ключ", ""), weight: 60 },
  { arbitrary: fc.constantFrom('q"', "7", "__proto__"), weight: 1 },
);
const usualAttributes = fc
  .array(fc.tuple(usualKey, usualValue), { maxLength: 5 })
  .map((entries) => new Map(entries));
/** What SDKs send, and a little more. */
const usualSpan: fc.Arbitrary<OtlpSpan> = fc
  .tuple(anySpan, usualAttributes, usualAttributes, fc.nat({ max: 5 }), fc.boolean())
  .map(([span, attributes, eventAttributes, kind, hasEvent]) => ({
    ...span,
    kind,
    attributes,
    startTimeUnixNano: span.startTimeUnixNano >> 1n,
    links: [],
    droppedAttributesCount: span.droppedAttributesCount >>> 5,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    events: hasEvent
      ? [{ timeUnixNano: 5n, name: "first", attributes: eventAttributes, droppedAttributesCount: kind }]
      : [],
  }));
const usualRequest = fc.tuple(fc.array(usualSpan, { minLength: 1, maxLength: 5 }), anySpan).map(
  // All of one resource and scope.
  ([spans, { resource, scope }]) => spans.map((span) => ({ ...span, resource, scope })),
);

const SEED = 20_261_125;
const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number) =>
  fc.sample(arbitrary, { seed: SEED, numRuns });

describe("spans encoded from the bytes of a request", { timeout: 120_000 }, () => {
  it("are the rows that decoding makes, for what is usually sent", async () => {
    const groups = sample(usualRequest, 400);
    const report = await compare(groups.map((spans) => protobuf(encodeTraceRequest(spans, "protobuf"))));
    // Without most of them taking the short way nothing was compared.
    expect(report.plain).toBeGreaterThan(report.stored / 3);
    expect(report.rows).toBeGreaterThan(500);
  });

  it("are the rows that decoding makes, for all that the wire format allows", async () => {
    const messages = sample(messageBytes("ExportTraceServiceRequest"), 600);
    const groups = sample(spanGroups, 200).map((spans) => Buffer.from(encodeTraceRequest(spans, "protobuf")));
    const usual = sample(usualRequest, 200).map((spans) =>
      Buffer.from(encodeTraceRequest(spans, "protobuf")),
    );
    const originals = [...messages, ...groups, ...usual];
    const mutated = Array.from({ length: 2_000 }, (_, place) => {
      const random = new Random(SEED, place);
      return mutateBytes(random.pick(originals), random.pick(originals), random);
    });
    const report = await compare([...originals, ...mutated].map(protobuf));
    expect(report.refusedRequests).toBeGreaterThan(500);
    expect(report.plain).toBeGreaterThan(300);
    expect(report.stored - report.plain).toBeGreaterThan(500);
  });

  it("are the rows that decoding makes, for what is usually sent in JSON", async () => {
    const texts = sample(usualRequest, 300).map(jsonOf);
    const spellings = [
      (text: string) => text,
      (text: string) => JSON.stringify(JSON.parse(text), null, 2),
      // Numbers instead of texts for 64-bit integers.
      (text: string) => text.replaceAll(/"(intValue|\w+UnixNano)":"(\d+)"/g, '"$1":$2'),
      (text: string) =>
        text.replaceAll(
          /[^\x20-\x7e]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
        ),
      (text: string) => text.replaceAll(/(?<="traceId":")\w+/g, (id) => id.toUpperCase()),
    ];
    const report = await compare(
      texts.map((text, place) => json(Buffer.from(spellings[place % spellings.length]?.(text) ?? ""))),
    );
    expect(report.refusedRequests).toBe(0);
    expect(report.plain).toBeGreaterThan(report.stored / 3);
    expect(report.rows).toBeGreaterThan(400);
  });

  it("are the rows that decoding makes, for all that JSON allows and what it does not", async () => {
    const originals = [...sample(usualRequest, 150), ...sample(spanGroups, 150)].map(jsonOf);
    const mutated = Array.from({ length: 3_000 }, (_, place) => {
      const random = new Random(SEED, place);
      return mutateJson(random.pick(originals), random.pick(originals), random);
    });
    const strange = ["12345678901234567890", "[]", '"\\ud800"'].map((span) =>
      Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`),
    );
    const all = [...originals.map((text) => Buffer.from(text)), ...strange, ...mutated];
    const report = await compare(all.map(json));
    expect(report.refusedRequests).toBeGreaterThan(500);
    expect(report.plain).toBeGreaterThan(500);
    expect(report.stored - report.plain).toBeGreaterThan(500);
  });

  it("count against the limit of items like those that are decoded", async () => {
    const groups = sample(usualRequest, 100);
    const requests = groups.map((spans) => protobuf(encodeTraceRequest(spans, "protobuf")));
    const report = await compare(requests, { maxItems: 20 });
    expect(report.refusedRequests).toBeGreaterThan(20);
    expect(report.plain).toBeGreaterThan(20);
    const inJson = groups.map((spans) => json(encodeTraceRequest(spans, "json")));
    const ofJson = await compare(inJson, { maxItems: 20 });
    expect(ofJson.refusedRequests).toBeGreaterThan(20);
    expect(ofJson.plain).toBeGreaterThan(20);
  });

  it("fill further blocks once one is full, and blocks again that were sealed", async () => {
    const [span] = sample(usualSpan, 1) as [OtlpSpan];
    const large = "x".repeat(300_000);
    const spans = Array.from({ length: 70 }, (_, place) => ({
      ...span,
      spanId: (place + 1).toString(16).padStart(16, "0"),
      attributes: new Map([
        ["large", large],
        [`key-${place}`, "value"],
      ]),
    }));
    const request = protobuf(encodeTraceRequest(spans, "protobuf"));
    const few = protobuf(encodeTraceRequest(spans.slice(0, 3), "protobuf"));
    const pool = new SpanBlockPool();
    const encoder = new SpanBlockEncoder(pool, () => true);
    decodeTraceRequest(request.bytes, "protobuf", {}, encoder);
    const blocks = encoder.finish()?.seal(newTenant(), () => 1n) ?? [];
    expect(blocks.length).toBeGreaterThan(3);
    for (const { bytes } of blocks) expect(bytes.length).toBeLessThan(10_000_000);
    expect((await compare([few, request, few])).rows).toBeGreaterThan(70);
  });

  it("are stored right in blocks of several requests, in memory that is used again, but for that of a failed insert", async () => {
    const groups = [...sample(usualRequest, 60), ...sample(spanGroups, 60)];
    const requests = groups.map((spans) => encodeTraceRequest(spans, "protobuf"));
    const store = spanEventStoreClickHouse(db.client, { database: db.database });
    const [simple, fast] = [newTenant(), newTenant()];
    const stored: EncodedRows[] = [];
    const failed: { rows: EncodedRows; bytes: Buffer }[] = [];
    const repository = new SpanIngestionWriteRepositoryClickHouse({
      eventStore: {
        storeEvents: (events, context) => store.storeEvents(events, context),
        async storeEncodedRows(blocks, context) {
          if (failed.length < 3) {
            failed.push(...blocks.map((rows) => ({ rows, bytes: Buffer.from(rows.bytes) })));
            throw new Error("given up, and still being sent");
          }
          stored.push(...blocks);
          await store.storeEncodedRows(blocks, context);
        },
      },
      queue: { schedule: async () => {} },
      clock: { next: () => 7n },
    });
    for (const bytes of requests)
      await repository.storeSpans(decodeTraceRequest(bytes, "protobuf").spans, { tenantId: simple });
    const left = [...requests];
    const sendOneByOne = async () => {
      for (let bytes = left.shift(); bytes !== undefined; bytes = left.shift()) {
        for (let isStored = false; !isStored; ) {
          const encoder = repository.createEncoder({ byteLength: 1_000_000 });
          decodeTraceRequest(bytes, "protobuf", {}, encoder);
          const encoded = encoder?.finish();
          if (encoded === undefined) break;
          isStored = await repository.storeEncodedSpans(encoded, { tenantId: fast }).then(
            () => true,
            () => false,
          );
        }
      }
    };
    await Promise.all([sendOneByOne(), sendOneByOne(), sendOneByOne()]);
    // Those that came together shared a block.
    expect(stored.length).toBeLessThan(requests.length / 2);
    expect(new Set(stored.map(({ bytes }) => bytes.buffer)).size).toBeLessThan(10);
    expect(await storedRows(fast)).toEqual(await storedRows(simple));
    expect(failed).toHaveLength(3);
    for (const { rows, bytes } of failed) expect(Buffer.from(rows.bytes).equals(bytes)).toBe(true);
  });

  it("leaves to be decoded what it is told not to take", () => {
    const [mine, other] = sample(anySpan, 2) as [OtlpSpan, OtlpSpan];
    const marked = { ...other, resource: { ...other.resource, attributes: new Map([["mark", true]]) } };
    const bytes = encodeTraceRequest([mine, marked, mine], "protobuf");
    const encoder = new SpanBlockEncoder(new SpanBlockPool(), ({ attributes }) => !attributes.has("mark"));
    expect(decodeTraceRequest(bytes, "protobuf", {}, encoder).spans).toEqual([marked]);
    expect(encoder.finish()?.count).toBe(2);
  });
});
