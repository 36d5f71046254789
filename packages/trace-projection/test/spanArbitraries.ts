import type { Attributes, AttributeValue, OtlpSpan, Resource, Scope } from "@es/otlp";
import fc from "fast-check";
import { rules } from "../src/conventions/conventions.js";
import { createSpanEvent, type SpanEvent } from "../src/spanEvent.js";

const name = fc.string({ unit: "grapheme", maxLength: 6 });

/** Any attribute value OTLP can carry, the awkward ones often. */
export const attributeValue: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 9_007_199_254_740_993n, 0n),
    fc.double(),
    fc.constantFrom(Number.NaN, -0, 0, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 5e-324),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Uint8Array.from(bytes)),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
})).value;

const anyAttributes: fc.Arbitrary<Attributes> = fc
  .array(
    fc.tuple(
      fc.oneof(name, fc.constantFrom("", "0", "1", "__proto__", "a.b", "'", "\u0000")),
      attributeValue,
    ),
    {
      maxLength: 5,
    },
  )
  .map((entries) => new Map(entries));

const count = fc.nat({ max: 0xffff_ffff });
const nanos = fc.oneof(
  fc.bigInt({ min: 1_700_000_000_000_000_000n, max: 1_900_000_000_000_000_000n }),
  fc.constantFrom(0n, 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n),
);
const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits })
    .map((parts) => parts.join(""))
    .filter((id) => !/^0*$/.test(id));

const resource: fc.Arbitrary<Resource> = fc.record({
  attributes: fc
    .tuple(anyAttributes, fc.option(fc.oneof(name, attributeValue)))
    .map(([attributes, service]) =>
      service === null ? attributes : new Map([...attributes, ["service.name", service]]),
    ),
  droppedAttributesCount: fc.oneof(fc.constant(0), count),
  schemaUrl: name,
});
const scope: fc.Arbitrary<Scope> = fc.record({
  name,
  version: name,
  attributes: anyAttributes,
  droppedAttributesCount: fc.oneof(fc.constant(0), count),
  schemaUrl: name,
});

/** Any span OTLP can carry. */
export const anySpan: fc.Arbitrary<OtlpSpan> = fc.record({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: fc.oneof(fc.constant(""), hex(16)),
  traceState: name,
  flags: fc.oneof(fc.constant(0), count),
  name,
  kind: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes: anyAttributes,
  droppedAttributesCount: fc.oneof(fc.constant(0), count),
  events: fc.array(
    fc.record({
      timeUnixNano: nanos,
      name,
      attributes: anyAttributes,
      droppedAttributesCount: fc.oneof(fc.constant(0), count),
    }),
    { maxLength: 2 },
  ),
  droppedEventsCount: fc.oneof(fc.constant(0), count),
  links: fc.array(
    fc.record({
      traceId: hex(32),
      spanId: hex(16),
      traceState: name,
      attributes: anyAttributes,
      droppedAttributesCount: fc.oneof(fc.constant(0), count),
      flags: fc.oneof(fc.constant(0), count),
    }),
    { maxLength: 2 },
  ),
  droppedLinksCount: fc.oneof(fc.constant(0), count),
  status: fc.record({ code: fc.constantFrom(0 as const, 1 as const, 2 as const), message: name }),
  resource,
  scope,
});

const small = fc.constantFrom(0n, 1n, 5n, 40n, 2.5, "7");
const modelName = fc.constantFrom("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "unheard-of");
const text = fc.constantFrom("", "Hi", "{broken", '[{"role":"user","content":"Q"}]', '{"prompt":"P"}', "😀");

/** Attributes as the conventions have them, mixed at will. */
const conventionAttributes: fc.Arbitrary<Attributes> = fc
  .subarray(
    [
      ["gen_ai.operation.name", fc.constantFrom("chat", "execute_tool", "invoke_agent")],
      ["openinference.span.kind", fc.constantFrom("LLM", "TOOL", "AGENT", "EVALUATOR")],
      ["gen_ai.request.model", modelName],
      ["llm.model_name", modelName],
      ["ai.model.id", modelName],
      ["gen_ai.provider.name", fc.constantFrom("openai", "anthropic", "elsewhere")],
      ["gen_ai.usage.input_tokens", small],
      ["gen_ai.usage.output_tokens", small],
      ["gen_ai.usage.cache_read.input_tokens", small],
      ["gen_ai.usage.cache_read_input_tokens", small],
      ["llm.token_count.prompt", small],
      ["llm.token_count.total", small],
      ["ai.usage.inputTokens", small],
      ["ai.usage.reasoningTokens", small],
      ["llm.cost.total", fc.constantFrom(0, 0.1, 0.2, "0.3")],
      ["gen_ai.response.time_to_first_chunk", fc.constantFrom(0, 0.1, 2.5)],
      ["gen_ai.input.messages", text],
      ["input.value", text],
      ["output.value", text],
      ["ai.prompt", text],
      ["gen_ai.prompt.1.content", text],
      ["gen_ai.prompt.0.role", fc.constant("user")],
      ["session.id", fc.constantFrom("s1", "s2")],
      ["user.id", fc.constantFrom("u1", "u2")],
      ["tag.tags", fc.constantFrom<AttributeValue>(["a", "b"], ["b", "c"])],
      ["metadata", fc.constantFrom('{"k":1}', '{"k":2,"l":{}}')],
      ["http.request.method", fc.constant("GET")],
    ] as [string, fc.Arbitrary<AttributeValue>][],
    { maxLength: 8 },
  )
  .chain((chosen) =>
    fc
      .tuple(...chosen.map(([, value]) => value))
      .map((values) => new Map(chosen.map(([key], index) => [key, values[index] as AttributeValue]))),
  );

export const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

const BASE = 1_780_000_000_000_000_000n;

/** The spans of one trace, each id once: any shape, cycles and missing parents included, times that tie and lie. */
export const anyTrace: fc.Arbitrary<readonly OtlpSpan[]> = fc
  .array(
    fc.record({
      parent: fc.oneof(fc.constant(-1), fc.nat({ max: 14 })),
      start: fc.nat({ max: 6 }),
      length: fc.integer({ min: -2, max: 6 }),
      attributes: conventionAttributes,
      base: anySpan,
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((drafts) =>
    drafts.map(({ parent, start, length, attributes, base }, index) => ({
      ...base,
      traceId,
      spanId: spanIdOf(index),
      parentSpanId: parent === -1 ? "" : spanIdOf(parent),
      startTimeUnixNano: start === 6 ? 0n : BASE + BigInt(start * 1_000_000),
      endTimeUnixNano: start === 5 ? 0n : BASE + BigInt((start + length) * 1_000_000),
      attributes,
    })),
  );

function spanIdOf(index: number): string {
  // Neither in the order of the spans nor of their times.
  return ((index * 7 + 3) % 16)
    .toString(16)
    .repeat(16)
    .replace(/^0{16}$/, "00000000000000aa");
}

/** Every key and event name that some rule reads, and names that trip objects up. */
const knownKeys: readonly string[] = [
  ...new Set([
    ...rules.input.concat(rules.output).flatMap(({ source }) => {
      const keys: string[] = [source.key];
      if (source.from === "indexed" || source.from === "indexedText") {
        keys.push(
          ...[
            "0",
            "0.role",
            "0.content",
            "1.message.role",
            "1.message.content.0.text",
            "07.__proto__",
            "x",
          ].map((path) => `${source.key}.${path}`),
        );
      }
      if (source.from === "attribute") keys.push(source.mimeTypeKey ?? "", source.systemKey ?? "");
      return keys;
    }),
    ...[
      rules.kinds,
      rules.models,
      rules.providers,
      rules.usage,
      rules.sessions,
      rules.users,
      rules.tags,
    ].flatMap((list) => list.map(({ key }) => key)),
    ...rules.cost.flatMap(({ keys }) => keys),
    ...rules.firstToken.map(({ key }) => key),
    ...rules.metadata.flatMap(({ key }) => [key, `${key}.a`, `${key}.__proto__`, `${key}.constructor`]),
    "gen_ai.event.content",
    "message",
    "content",
    "exception.type",
    "exception.message",
    "error.type",
    "error.message",
    "__proto__",
    "toString",
  ]),
];

const eventNames = [
  "exception",
  "gen_ai.user.message",
  "gen_ai.choice",
  "gen_ai.content.prompt",
  "gen_ai.client.inference.operation.details",
  ...rules.firstToken.filter(({ from }) => from === "event").map(({ key }) => key),
];

const oddValue: fc.Arbitrary<AttributeValue> = fc.oneof(
  attributeValue,
  fc.constantFrom<AttributeValue>(
    "__proto__",
    "constructor",
    "toString",
    "\ud800",
    "gpt-4o",
    "openai",
    "LLM",
    "chat",
    "application/json",
    "1e999",
    "-0",
    "9".repeat(40),
    "1e-400",
    1e308,
    2n ** 63n - 1n,
    '{"__proto__":{"role":"user"},"messages":{}}',
    '{"messages":[null,1,"x",[],{"role":null},{"role":"user","content":{"text":{"value":[]}}}]}',
    '[{"role":"__proto__","content":"x"},{"type":"constructor"}]',
    '[["user","Hi"],["toString","x"]]',
    '[{"role":"user","content":[{"type":"text","text":1e999},{"text":-0}]}]',
    '{"system":[],"prompt":[{"role":"user","content":"[{\\"type\\":1}]"}]}',
    "[[[[",
    "null",
  ),
  fc.json({ maxDepth: 4 }),
);

const oddAttributes = fc
  .array(fc.tuple(fc.constantFrom(...knownKeys), oddValue), { maxLength: 12 })
  .map((entries): Attributes => new Map(entries));

/** A trace of spans that carry anything at all under the keys that are read. */
export const anyOddTrace: fc.Arbitrary<readonly OtlpSpan[]> = anyTrace.chain((spans) =>
  fc
    .tuple(
      ...spans.map(() =>
        fc.record({
          odd: oddAttributes,
          events: fc.array(
            fc.record({
              name: fc.constantFrom(...eventNames),
              timeUnixNano: nanos,
              attributes: oddAttributes,
              droppedAttributesCount: fc.constant(0),
            }),
            { maxLength: 3 },
          ),
        }),
      ),
    )
    .map((drafts) =>
      spans.map((span, index) => ({
        ...span,
        attributes: new Map([...span.attributes, ...(drafts[index]?.odd ?? [])]),
        events: drafts[index]?.events ?? [],
      })),
    ),
);

/** What ingest stamps: hardly ever in the order of the spans' own times, and sometimes the same for two spans. */
const acceptedAt = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 0xffff_ffff })).map(BigInt);

/** The events of a trace, some of whose spans were sent again later with other content, as a retried export may. */
export const anySpanEvents: fc.Arbitrary<readonly SpanEvent[]> = fc
  .oneof({ weight: 3, arbitrary: anyTrace }, { weight: 1, arbitrary: anyOddTrace })
  .chain((spans) =>
    fc
      .tuple(
        fc.array(acceptedAt, { minLength: spans.length, maxLength: spans.length }),
        fc.array(fc.tuple(fc.nat({ max: spans.length - 1 }), fc.nat({ max: spans.length - 1 }), acceptedAt), {
          maxLength: 3,
        }),
      )
      .map(([stamps, resent]) => [
        ...spans.map((span, i) => createSpanEvent(span, stamps[i] ?? 0n)),
        ...resent.flatMap(([of, like, later]) => {
          const span = spans[of];
          const content = spans[like];
          if (span === undefined || content === undefined) return [];
          return [createSpanEvent({ ...content, spanId: span.spanId }, later)];
        }),
      ]),
  );
