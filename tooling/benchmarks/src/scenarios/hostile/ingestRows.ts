import { setTimeout as sleep } from "node:timers/promises";
import { encodeTraceRequest } from "@es/otlp";
import { genAiTraces } from "../../load/genAiTraces.js";
import { answersOf, type HostileRow } from "./hostileRow.js";
import {
  distinctAttributes,
  field,
  gzipped,
  jsonWithUnknown,
  largeResource,
  type OtlpBody,
  plain,
  protobufSpan,
} from "./otlpBodies.js";
import { raw, send, sendInChunksOfOne } from "./send.js";

const MB = 1e6;

/** Requests to ingest. Sizes are those after inflation. */
export const ingestRows: readonly HostileRow[] = [
  {
    name: "8 MB in chunks of one byte",
    app: "ingest",
    async attack({ url, quick }) {
      const body = plain(Buffer.alloc(quick ? 50_000 : 8 * MB, 0x20), "json");
      return answersOf([await sendInChunksOfOne(url, body)]);
    },
  },
  one("JSON, 3.5 M long numbers in an unknown member", (size) =>
    gzipped(jsonWithUnknown(listOf("1234567890123456", size(3_500_000))), "json"),
  ),
  {
    name: "ten at once of JSON with 3.5 M long numbers in an unknown member",
    app: "ingest",
    async attack({ url, quick }) {
      const value = listOf("1234567890123456", quick ? 1_000 : 3_500_000);
      const body = gzipped(jsonWithUnknown(value), "json");
      return answersOf(await Promise.all(Array.from({ length: 10 }, () => send(url, body))));
    },
  },
  one("JSON, 3.5 M long numbers in an unknown member of a span", (size) =>
    gzipped(jsonWithUnknown(listOf("1234567890123456", size(3_500_000)), "span"), "json"),
  ),
  one("JSON, 5 M distinct keys in an unknown member", (size) => {
    const members = Array.from({ length: size(5_000_000) }, (_, i) => `"${i.toString(36)}":0`).join();
    return gzipped(jsonWithUnknown(`{${members}}`), "json");
  }),
  one("JSON, 32 M small numbers in an unknown member", (size) =>
    gzipped(jsonWithUnknown(listOf("1", size(31_900_000))), "json"),
  ),
  one("JSON, one span with 500 000 distinct attributes", (size) => {
    const keys = Array.from({ length: size(500_000) }, (_, i) => `{"key":"${i.toString(36)}"}`).join();
    const text = jsonWithUnknown("0", "span").toString().replace('"unknown":0', `"attributes":[${keys}]`);
    return gzipped(Buffer.from(text), "json");
  }),
  one("protobuf, one span with 1 M distinct attributes", (size) =>
    gzipped(protobufSpan(distinctAttributes(size(1_000_000))), "protobuf"),
  ),
  one("protobuf, one span with 3.9 M empty attributes", (size) =>
    gzipped(protobufSpan(Buffer.alloc(size(3_900_000) * 2, Buffer.from("4a00", "hex"))), "protobuf"),
  ),
  one("protobuf, one span with 1.9 M empty events", (size) =>
    gzipped(protobufSpan(Buffer.alloc(size(1_900_000) * 2, Buffer.from("5a00", "hex"))), "protobuf"),
  ),
  one("protobuf, one attribute with a list of 1.9 M empty maps", (size) => {
    const list = Buffer.alloc(size(1_900_000) * 4, Buffer.from("0a023200", "hex"));
    const attribute = field(
      0x4a,
      Buffer.concat([Buffer.from("0a0161", "hex"), field(0x12, field(0x2a, list))]),
    );
    return gzipped(protobufSpan(attribute), "protobuf");
  }),
  one(
    "protobuf, a resource of 1 MB and 10 000 small spans",
    (size) => gzipped(largeResource(size(1_000_000), size(10_000)), "protobuf"),
    { maxGrowthMb: 250 },
  ),
  one(
    "protobuf, a resource of 6 KB and 10 000 small spans",
    (size) => gzipped(largeResource(size(6_000), size(10_000)), "protobuf"),
    { maxGrowthMb: 250 },
  ),
  one("protobuf, 21 M unknown fields in one span", (size) =>
    gzipped(protobufSpan(Buffer.alloc(size(21_000_000) * 3, Buffer.from("f80100", "hex"))), "protobuf"),
  ),
  one("64 MB of zeros as protobuf", (size) => gzipped(Buffer.alloc(size(64_000_000)), "protobuf")),
  one("64 MB of zeros in a group that is not known, as protobuf", (size) =>
    gzipped(
      Buffer.concat([
        Buffer.from("0b", "hex"),
        Buffer.alloc(size(63_000_000), 0x08),
        Buffer.from("0c", "hex"),
      ]),
      "protobuf",
    ),
  ),
  {
    name: "two connections that announce 64 MB and send nothing, beside 20 small requests",
    app: "ingest",
    async attack({ url }) {
      const head =
        "POST /v1/traces HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-protobuf\r\nContent-Length: 64000000\r\n\r\n";
      const idle = [raw(url, [Buffer.from(head)]), raw(url, [Buffer.from(head)])];
      await sleep(200);
      const statuses: (number | undefined)[] = [];
      for (let i = 0; i < 20; i++) statuses.push(await send(url, spans(10, i)));
      for (const connection of idle) connection.end();
      return answersOf(statuses);
    },
  },
  {
    name: "16 senders of 1 000 spans, 10 requests each, with a heap of 200 MB",
    app: "ingest",
    heapMb: 200,
    async attack({ url, quick }) {
      const statuses = await Promise.all(
        Array.from({ length: 16 }, async (_, sender) => {
          const ended: (number | undefined)[] = [];
          for (let i = 0; i < (quick ? 1 : 10); i++)
            ended.push(await send(url, spans(quick ? 10 : 1_000, sender * 100 + i, true)));
          return ended;
        }),
      );
      return answersOf(statuses.flat());
    },
  },
];

function one(
  name: string,
  make: (size: (full: number) => number) => OtlpBody,
  limits: Pick<HostileRow, "maxGrowthMb"> = {},
): HostileRow {
  return {
    name,
    ...limits,
    app: "ingest",
    async attack({ url, quick }) {
      const body = make((full) => (quick ? Math.ceil(full / 1_000) : full));
      return answersOf([await send(url, body)]);
    },
  };
}

function listOf(value: string, count: number): string {
  return `[${`${value},`.repeat(count - 1)}${value}]`;
}

/** Ordinary spans; with links the fast path does not take them. */
function spans(count: number, seed: number, linked = false): OtlpBody {
  const traces = genAiTraces({ traces: Math.ceil(count / 10), spansPerTrace: 10, seed: seed + 1 });
  const link = {
    traceId: "0102030405060708090a0b0c0d0e0f10",
    spanId: "0102030405060708",
    traceState: "",
    attributes: new Map(),
    droppedAttributesCount: 0,
    flags: 0,
  };
  const sent = linked ? traces.map((span) => ({ ...span, links: [link] })) : traces;
  return plain(Buffer.from(encodeTraceRequest(sent, "protobuf")), "protobuf");
}
