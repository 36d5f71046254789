import { createEventStream } from "@es/core";
import { describe, expect, it } from "vitest";
import { defaultContentLimits } from "./content/contentLimits.js";
import { rules } from "./conventions/conventions.js";
import { buildResource, buildSpan, type PlainValue } from "./demo/spanBuilder.js";
import { createSpanEvent } from "./spanEvent.js";
import type { Json } from "./traceProjection.js";
import { TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

const LONG = 50_000;
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

/** Every attribute that a rule reads, from the list of rules itself. */
function keysOfRules(): readonly string[] {
  const keys = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      if (name === "key" && typeof member === "string") keys.add(member);
      else visit(member);
    }
  };
  visit(rules);
  return [...keys];
}

/** Each string of a value, with the path to it: names of members as well. */
function* stringsIn(value: Json, path: string): Generator<readonly [path: string, text: string]> {
  if (typeof value === "string") yield [path, value];
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield [`${path}: a name`, name];
    yield* stringsIn(member as Json, `${path}.${name.slice(0, 64)}`);
  }
}

describe("a projection of spans with long texts everywhere", () => {
  const keys = keysOfRules();
  const long = (i: number) => `${i}-${"x".repeat(LONG)}`;
  const spans = Array.from({ length: 250 }, (_, i) => {
    const attributes: Record<string, PlainValue> = {};
    // A span has some of them: one that says more would keep others from being read.
    for (const [j, key] of keys.entries()) if ((j + i) % 25 === 0) attributes[key] = long(i);
    for (const key of keys) if (key.endsWith(".")) attributes[`${key}${long(i)}`] = long(i);
    return buildSpan({
      traceId,
      spanId: (i + 1).toString(16).padStart(16, "0"),
      ...(i === 0 ? {} : { parentSpanId: "0000000000000001" }),
      name: long(i),
      start: BigInt(i + 1),
      end: BigInt(i + 2),
      resource: buildResource(long(i)),
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": `no such model ${long(i)}`,
        "gen_ai.usage.input_tokens": 5,
        ...attributes,
      },
      status: { code: 2, message: long(i) },
    });
  });
  const projection = new TraceProjectionEventHandler().handle(
    createEventStream(
      traceId,
      spans.map((span, i) => createSpanEvent(span, BigInt(i + 1))),
    ),
  );

  it("holds no text longer than its limit, and says what it cut", () => {
    expect(keys.length).toBeGreaterThan(100);
    const { input, output, ...fields } = projection;
    const tooLong = [...stringsIn(fields as unknown as Json, "projection")].filter(
      ([, text]) => text.length > defaultContentLimits.valueCharacters,
    );
    expect(tooLong.map(([path, text]) => `${path}: ${text.length}`)).toEqual([]);
    expect(projection.flags.cuts).toMatchObject({
      "unpricedModels[0]": { kept: 8_192 },
      unpricedModels: { kept: 100 },
      "models[0]": { kept: 8_192 },
      name: { kept: 8_192 },
    });
  });

  it("is small as a whole, however many names there are", () => {
    const { input, output, metadata, ...fields } = projection;
    const { distinct, valueCharacters } = defaultContentLimits;
    // Models, unpriced models, providers, services and sessions.
    expect(JSON.stringify(fields).length).toBeLessThan(6 * distinct * valueCharacters);
  });
});
