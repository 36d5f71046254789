import type { AttributeValue, OtlpSpan, Resource, Scope } from "@es/otlp";
import { createRandom, type Random } from "../random.js";

/** What the load is made from: the same values give the same traces. */
export interface LoadShape {
  readonly seed: number;
  /** They use the same trace ids and span ids, with other content behind them. */
  readonly tenants: readonly string[];
  /** Begun per second and tenant. */
  readonly tracesPerSecond: number;
}

/** One trace as it was made up, whole. */
export interface MadeTrace {
  readonly tenant: string;
  /** The second of the load it begins in, from 0. */
  readonly wave: number;
  /** Its place within the wave: the traces of all tenants at one place share their ids. */
  readonly place: number;
  readonly traceId: string;
  /** The root first; a parent always before its children. */
  readonly spans: readonly OtlpSpan[];
}

/** When the spans say they happened has nothing to do with when they are sent. */
const EPOCH = 1_700_000_000_000_000_000n;
const MILLISECOND = 1_000_000n;

const models = [
  ["openai", "gpt-4o-2024-08-06"],
  ["openai", "gpt-4o-mini"],
  ["anthropic", "claude-3-5-sonnet-20241022"],
  ["acme", "a-model-without-price"],
] as const;

/** The traces that begin in one second. Made again whenever they are needed, so a long load takes no memory. */
export function makeWave(shape: LoadShape, wave: number): readonly MadeTrace[] {
  const places = Array.from({ length: shape.tracesPerSecond }, (_, place) => place);
  return places.flatMap((place) => {
    const traceId = createRandom(shape.seed, "trace id", wave, place).hex(32);
    return shape.tenants.map((tenant) => ({
      tenant,
      wave,
      place,
      traceId,
      spans: makeSpans(shape, { tenant, wave, place, traceId }),
    }));
  });
}

function makeSpans(shape: LoadShape, trace: Omit<MadeTrace, "spans">): readonly OtlpSpan[] {
  const { tenant, wave, place, traceId } = trace;
  const ids = createRandom(shape.seed, "span ids", wave, place);
  const random = createRandom(shape.seed, "content", wave, place, tenant);
  const resource: Resource = {
    attributes: new Map<string, AttributeValue>([
      ["service.name", serviceOf(tenant)],
      ["process.pid", BigInt(random.integer(2, 40_000))],
    ]),
    droppedAttributesCount: 0,
    schemaUrl: "",
  };
  const scope: Scope = {
    name: "chaos",
    version: "1",
    attributes: new Map(),
    droppedAttributesCount: 0,
    schemaUrl: "",
  };
  const start = EPOCH + BigInt(wave) * 1_000n * MILLISECOND + BigInt(random.integer(0, 999_999_999));
  const spans: OtlpSpan[] = [];
  const count = sizeOf(random);
  for (let index = 0; index < count; index++) {
    const parent = index === 0 ? undefined : spans[random.integer(Math.max(0, index - 8), index - 1)];
    const began =
      parent === undefined ? start : parent.startTimeUnixNano + BigInt(random.integer(0, 50_000_000));
    const failed = random.chance(0.03);
    const { name, attributes } = index === 0 ? rootContent(random, trace) : content(random, index);
    // Few name another session than their root, which often arrives last: the trace leaves the one it was part of.
    if (index > 0 && random.chance(0.04)) attributes.set("session.id", sessionOf(wave + 1, place));
    attributes.set("chaos.tenant", tenant);
    attributes.set("chaos.span", BigInt(index));
    spans.push({
      traceId,
      spanId: ids.hex(16),
      parentSpanId: parent?.spanId ?? "",
      traceState: "",
      flags: 1,
      name: `${name} of ${tenant}`,
      kind: random.integer(1, 5),
      startTimeUnixNano: began,
      endTimeUnixNano: began + BigInt(random.integer(1_000, 2_000_000_000)),
      attributes,
      droppedAttributesCount: 0,
      events: random.chance(0.05)
        ? [
            {
              timeUnixNano: began + 7n,
              name: "exception",
              attributes: new Map<string, AttributeValue>([
                ["exception.type", "TimeoutError"],
                ["exception.message", `no answer for ${tenant}`],
              ]),
              droppedAttributesCount: 0,
            },
          ]
        : [],
      droppedEventsCount: 0,
      links: [],
      droppedLinksCount: 0,
      status: failed ? { code: 2, message: "failed" } : { code: 0, message: "" },
      resource,
      scope,
    });
  }
  return spans;
}

/** Traces of all tenants name the same sessions, and several traces of a minute the same one. */
function sessionOf(wave: number, place: number): string {
  return `session-${wave % 8}-${place}`;
}

/** Names its tenant, so that a projection made of another tenant's spans shows it. */
export function serviceOf(tenant: string): string {
  return `service of ${tenant}`;
}

/** Most traces are small, some have hundreds of spans. */
function sizeOf(random: Random): number {
  if (random.chance(0.02)) return random.integer(150, 400);
  return random.chance(0.5) ? random.integer(1, 12) : random.integer(1, 60);
}

interface Content {
  readonly name: string;
  readonly attributes: Map<string, AttributeValue>;
}

function rootContent(random: Random, { wave, place }: Omit<MadeTrace, "spans">): Content {
  return {
    name: "POST /chat",
    attributes: new Map<string, AttributeValue>([
      ["session.id", sessionOf(wave, place)],
      ["user.id", random.pick(["ada", "grace", "edsger"])],
      ["sampled.at", random.fraction() + 0.5],
      ["cached", random.chance(0.5)],
    ]),
  };
}

function content(random: Random, index: number): Content {
  const kind = random.fraction();
  if (kind < 0.4) return modelCall(random, index);
  if (kind < 0.6) {
    const tool = random.pick(["search", "lookup", "write_file"]);
    return {
      name: `execute_tool ${tool}`,
      attributes: new Map<string, AttributeValue>([
        ["gen_ai.operation.name", "execute_tool"],
        ["gen_ai.tool.name", tool],
        ["gen_ai.tool.call.arguments", JSON.stringify({ index, q: random.hex(12) })],
      ]),
    };
  }
  return {
    name: `step ${index}`,
    attributes: new Map<string, AttributeValue>([
      ["step", BigInt(index)],
      ["note", "x".repeat(random.integer(0, 400))],
      ["parts", [random.hex(4), BigInt(random.integer(0, 9)), random.chance(0.5)]],
    ]),
  };
}

/** With usage, and sometimes cost: what is counted twice shows in the sums. */
function modelCall(random: Random, index: number): Content {
  const [provider, model] = random.pick(models);
  const attributes = new Map<string, AttributeValue>([
    ["gen_ai.operation.name", "chat"],
    ["gen_ai.provider.name", provider],
    ["gen_ai.response.model", model],
    [
      "gen_ai.input.messages",
      JSON.stringify([
        { role: "user", parts: [{ type: "text", content: `question ${index}: ${random.hex(40)}` }] },
      ]),
    ],
    [
      "gen_ai.output.messages",
      JSON.stringify([{ role: "assistant", parts: [{ type: "text", content: `answer ${random.hex(40)}` }] }]),
    ],
    ["gen_ai.usage.input_tokens", BigInt(random.integer(1, 5_000))],
    ["gen_ai.usage.output_tokens", BigInt(random.integer(1, 2_000))],
  ]);
  if (random.chance(0.3))
    attributes.set("gen_ai.usage.cost", random.integer(1, 90_000) / 1_000_000 + 0.0000005);
  return { name: `chat ${model}`, attributes };
}
