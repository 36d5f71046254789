import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createAcceptedClock } from "@es/core/adapter";
import { type AttributeValue, encodeTraceRequest, type OtlpSpan } from "@es/otlp";
import type { SessionEvent } from "@es/session-projection";
import { sessionEventStoreClickHouse } from "@es/session-projection/clickhouse";
import { BENCH_TENANT } from "../../engines/place.js";
import { genAiTraces } from "../../load/genAiTraces.js";
import { answersOf, type HostileRow, type HostileTarget } from "./hostileRow.js";
import { gzipped } from "./otlpBodies.js";
import { send } from "./send.js";

const START = 1_790_000_000_000_000_000n;
const POLL_MS = 100;
const SPANS_PER_REQUEST = 20_000;
const FURTHER = 5;

/** Spans whose projections could cost the worker much. A row ends when the projections are there. */
export const foldRows: readonly HostileRow[] = [
  folding("five further spans of a trace with 20 000 pairs of equal calls below chains of 20 000", {
    before(size) {
      const depth = size(20_000);
      const chain = [0, 1].flatMap((side) =>
        Array.from({ length: depth }, (_, i) => span(1 + 2 * i + side, i === 0 ? 0 : 2 * i + side - 1)),
      );
      const ends = [2 * depth - 1, 2 * depth];
      const pairs = Array.from({ length: size(20_000) }, (_, i) =>
        ends.map((end, side) => {
          const call = span(1_000_000 + 2 * i + side, end, callOf(5 + i));
          return { ...call, scope: { ...call.scope, name: `instrumentation ${side}` } };
        }),
      );
      return [span(0), ...chain, ...pairs.flat()];
    },
    further: (i) => span(2_000_000 + i, 0),
  }),
  folding("five further spans of a trace with 20 000 calls that report costs and name 20 000 models", {
    before: (size) => [
      span(0),
      ...Array.from({ length: size(20_000) }, (_, i) =>
        span(1 + i, 0, {
          ...callOf(5),
          "gen_ai.request.model": `model-${i}`,
          ...(i === 0 ? { "llm.cost.total": 1 } : {}),
        }),
      ),
    ],
    further: (i) => span(2_000_000 + i, 0),
  }),
  folding("five further spans of a trace whose root has a question of 10 MB", {
    before: (size) => [
      span(0, undefined, {
        ...callOf(5),
        "gen_ai.input.messages": messages("word ".repeat(size(2_000_000))),
      }),
      ...Array.from({ length: size(1_000) }, (_, i) => span(1 + i, 0)),
    ],
    further: (i) => span(2_000_000 + i, 0),
  }),
  sending("300 model names of 1 MB, each in a trace of its own", 50, (size) =>
    Array.from({ length: size(300) }, (_, i) => ({
      ...span(i, undefined, { ...callOf(5), "gen_ai.request.model": `${i}-${"m".repeat(1_000_000)}` }),
      traceId: randomBytes(16).toString("hex"),
    })),
  ),
  sending("200 traces with a picture of 200 KB each, as a data URI", 50, (size) => {
    const picture = `data:image/png;base64,${randomBytes(150_000).toString("base64")}`;
    return Array.from({ length: size(200) }, (_, i) => ({
      ...span(i, undefined, { ...callOf(5), "gen_ai.input.messages": messages("What is this?", picture) }),
      traceId: randomBytes(16).toString("hex"),
    }));
  }),
  {
    name: "five further traces of a session of 60 000 traces",
    app: "worker",
    maxStopMs: 500,
    async prepare(target) {
      ingestOf.set(target, (await target.start("ingest")).url);
      const traces = target.quick ? 60 : 60_000;
      await storeSession(target, traces);
      // The first rebuild reads all of them.
      await sendOne(target, inSession(0));
      await sessionHas(target, traces + 1);
    },
    async attack(target) {
      const statuses: (number | undefined)[] = [];
      for (let i = 1; i <= FURTHER; i++) {
        statuses.push(await sendOne(target, inSession(i)));
        await sessionHas(target, (target.quick ? 60 : 60_000) + 1 + i);
      }
      return answersOf(statuses);
    },
  },
];

/** Of the row that runs: where its spans are sent. */
const ingestOf = new WeakMap<HostileTarget, string>();

type Size = (full: number) => number;

interface Folding {
  before(size: Size): readonly OtlpSpan[];
  further(i: number): OtlpSpan;
}

/** A trace that is there, and a few spans more, one after the other. */
function folding(name: string, { before, further }: Folding): HostileRow {
  let spans = 0;
  return {
    name,
    app: "worker",
    async prepare(target) {
      ingestOf.set(target, (await target.start("ingest")).url);
      const trace = before(sizeOf(target));
      spans = trace.length;
      for (let from = 0; from < spans; from += SPANS_PER_REQUEST)
        await sendAll(target, trace.slice(from, from + SPANS_PER_REQUEST));
      await projectionsHave(target, spans);
    },
    async attack(target) {
      const statuses: (number | undefined)[] = [];
      for (let i = 0; i < FURTHER; i++) {
        statuses.push(await sendOne(target, further(i)));
        await projectionsHave(target, ++spans);
      }
      return answersOf(statuses);
    },
  };
}

/** Spans that are sent in requests of so many, and projected. */
function sending(name: string, atOnce: number, make: (size: Size) => readonly OtlpSpan[]): HostileRow {
  return {
    name,
    app: "worker",
    async prepare(target) {
      ingestOf.set(target, (await target.start("ingest")).url);
    },
    async attack(target) {
      const spans = make(sizeOf(target));
      const statuses: (number | undefined)[] = [];
      for (let from = 0; from < spans.length; from += atOnce)
        statuses.push(await sendAll(target, spans.slice(from, from + atOnce)));
      await projectionsHave(target, spans.length);
      return answersOf(statuses);
    },
  };
}

function sizeOf({ quick }: HostileTarget): Size {
  return (full) => (quick ? Math.ceil(full / 1_000) : full);
}

async function sendAll(target: HostileTarget, spans: readonly OtlpSpan[]): Promise<number | undefined> {
  const body = gzipped(Buffer.from(encodeTraceRequest(spans, "protobuf")), "protobuf");
  const status = await send(ingestOf.get(target) ?? "", body);
  if (status !== 200) throw new Error(`Ingest answered ${status} to ${spans.length} spans.`);
  return status;
}

const sendOne = (target: HostileTarget, sent: OtlpSpan) => sendAll(target, [sent]);

/** Waits until the projections of all traces together have so many spans. */
function projectionsHave({ place }: HostileTarget, spans: number): Promise<void> {
  return reached(spans, () =>
    place.count(`SELECT sum(SpanCount) FROM ${place.database}.trace_projections FINAL`),
  );
}

/** Waits until a session has so many traces. */
function sessionHas({ place }: HostileTarget, traces: number): Promise<void> {
  return reached(traces, () =>
    place.count(`SELECT max(TraceCount) FROM ${place.database}.session_projections`),
  );
}

async function reached(least: number, read: () => Promise<number>): Promise<void> {
  while ((await read()) < least) await sleep(POLL_MS);
}

/** What so many traces told one session. */
async function storeSession({ place }: HostileTarget, traces: number): Promise<void> {
  const clock = createAcceptedClock();
  const store = sessionEventStoreClickHouse(place.client, { database: place.database });
  const told = Array.from({ length: traces }, (_, i): SessionEvent => {
    const traceId = i.toString(16).padStart(32, "0");
    const start = START + BigInt(i) * 1_000_000n;
    return {
      id: `${traceId}@1`,
      aggregateId: SESSION,
      type: "session.trace",
      occurredAt: start,
      acceptedAt: clock.next(),
      data: {
        traceId,
        generation: 1,
        version: "1",
        trace: {
          traceId,
          name: "chat",
          status: "ok",
          startTimeUnixNano: String(start),
          endTimeUnixNano: String(start + 1_000n),
          spanCount: 3,
          errorCount: 0,
          inputTokens: 10,
          outputTokens: 5,
          totalTokens: 15,
          cost: "0.0012",
          costComplete: true,
          models: ["gpt-4o"],
          userId: `user ${i % 50}`,
        },
      },
    };
  });
  await store.storeEvents(told, { tenantId: BENCH_TENANT });
}

const SESSION = "one";

function inSession(i: number): OtlpSpan {
  return {
    ...span(i, undefined, { ...callOf(5), "session.id": SESSION }),
    traceId: randomBytes(16).toString("hex"),
  };
}

const template = genAiTraces({ traces: 1, spansPerTrace: 1, seed: 1, sessions: false })[0] as OtlpSpan;

function span(
  number: number,
  parent?: number,
  attributes: Readonly<Record<string, AttributeValue>> = {},
): OtlpSpan {
  const startTimeUnixNano = START + BigInt(number) * 1_000n;
  return {
    ...template,
    traceId: "0102030405060708090a0b0c0d0e0f10",
    spanId: idOf(number),
    parentSpanId: parent === undefined ? "" : idOf(parent),
    name: "span",
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano + 1_000_000n,
    attributes: new Map(Object.entries(attributes)),
    events: [],
    links: [],
  };
}

function idOf(number: number): string {
  return (number + 1).toString(16).padStart(16, "0");
}

function callOf(inputTokens: number): Readonly<Record<string, AttributeValue>> {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": BigInt(inputTokens),
    "gen_ai.usage.output_tokens": 2n,
  };
}

function messages(question: string, picture?: string): string {
  const parts = [{ type: "text", text: question }];
  return JSON.stringify([
    { role: "system", content: "Answer in one sentence." },
    {
      role: "user",
      content: picture === undefined ? parts : [...parts, { type: "image_url", image_url: { url: picture } }],
    },
  ]);
}
