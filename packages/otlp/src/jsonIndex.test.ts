import { describe, expect, it } from "vitest";
import { mutateJson } from "../fuzz/mutate.js";
import { Random } from "../fuzz/random.js";
import { runSteps } from "./decodeTurns.js";
import { indexJson, type JsonRange } from "./jsonIndex.js";

const request = {
  resourceSpans: [
    {
      scopeSpans: [
        {
          scope: { name: "a" },
          spans: [{ name: 'say "hi" \\ ü' }, { kind: 1.5e3, flags: 0 }],
          schemaUrl: "s",
        },
        {},
        { spans: [] },
      ],
      resource: { attributes: [{ key: "k", value: { boolValue: true } }, null, [[], {}]] },
      schemaUrl: "r",
    },
    { resource: {} },
  ],
};

const indexOf = (text: string, maxContainers = 1_000) =>
  runSteps(indexJson(Buffer.from(text), maxContainers));

/** What the ranges of an index hold. */
function parsed(text: string): unknown {
  const bytes = Buffer.from(text);
  const value = ({ start, end }: JsonRange): unknown => JSON.parse(bytes.toString("utf8", start, end));
  const member = (name: string, range: JsonRange | undefined) =>
    range === undefined ? {} : { [name]: value(range) };
  return indexOf(text)?.map(({ resource, schemaUrl, scopes }) => ({
    ...member("resource", resource),
    ...member("schemaUrl", schemaUrl),
    scopeSpans: scopes.map(({ scope, schemaUrl, spans }) => ({
      ...member("scope", scope),
      ...member("schemaUrl", schemaUrl),
      spans: spans.flatMap((start, place) =>
        place % 2 === 0 ? [value({ start, end: spans[place + 1] ?? -1 })] : [],
      ),
    })),
  }));
}

/** The same of a request that was parsed. */
const expected = (parsedRequest: typeof request) =>
  (parsedRequest.resourceSpans ?? []).map(({ scopeSpans = [], ...rest }: Record<string, unknown>) => ({
    ...rest,
    scopeSpans: (scopeSpans as readonly object[]).map((one) => ({ spans: [], ...one })),
  }));

describe("the index of a request in JSON", () => {
  it.each([0, 2])("has its spans, resources and scopes, indented by %i", (indent) => {
    expect(parsed(JSON.stringify(request, null, indent))).toEqual(expected(request));
  });

  it("is none of what has too many objects and lists", () => {
    const text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{},{},"{[{["]}]}]}';
    expect(indexOf(text, 8)).toHaveLength(1);
    expect(indexOf(text, 7)).toBeUndefined();
  });

  it("is none of what has too many spans, whatever they are", () => {
    const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[${Array(9).fill(0)}]}]}]}`;
    expect(indexOf(text, 9)).toHaveLength(1);
    expect(indexOf(text, 8)).toBeUndefined();
  });

  it.each(["resourceSpans", "scopeSpans"])("is made in steps of many %s without spans", (list) => {
    const groups = `"${list}":[${Array(200_000).fill("{}")}]`;
    const text = list === "scopeSpans" ? `{"resourceSpans":[{${groups}}]}` : `{${groups}}`;
    const steps = indexJson(Buffer.from(text), 1_000_000);
    let count = 1;
    while (steps.next().done !== true) count++;
    expect(count).toBeGreaterThan(2);
  });

  it.each([
    "",
    "[]",
    "null",
    '{"resourceSpans":null}',
    '{"resource_spans":[]}',
    '{"resourceSpans":[],"resourceSpans":[]}',
    '{"resourceSpans":[{"scopeSpans":[],"scopeSpans":[]}]}',
    '{"resourceSpans":[null]}',
    '{"resource\\u0053pans":[]}',
    '{"resourceSpans":[]} x',
    "\ufeff{}",
    `{"resourceSpans":[{"resource":${"[".repeat(300)}${"]".repeat(300)}}]}`,
  ])("is none of %s", (text) => {
    expect(indexOf(text)).toBeUndefined();
  });

  it("is none of what JSON.parse refuses, and has of all else what that finds", () => {
    const text = JSON.stringify(request);
    let found = 0;
    let refused = 0;
    for (let seed = 0; seed < 20_000; seed++) {
      const bytes = mutateJson(text, text, new Random(20_261_125, seed));
      const mutated = bytes.toString();
      // What is not UTF-8 is replaced when it is read, and has other places then.
      if (!bytes.equals(Buffer.from(mutated))) continue;
      const index = parsed(mutated);
      let whole: typeof request | undefined;
      try {
        whole = JSON.parse(mutated);
      } catch {
        refused++;
        expect(index).toBeUndefined();
        continue;
      }
      if (index === undefined) continue;
      found++;
      expect(index).toEqual(expected(whole as typeof request));
    }
    expect(found).toBeGreaterThan(3_000);
    expect(refused).toBeGreaterThan(3_000);
  });
});
