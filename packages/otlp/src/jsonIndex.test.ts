import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { mutateJson } from "../fuzz/mutate.js";
import { Random } from "../fuzz/random.js";
import { runSteps } from "./decodeTurns.js";
import { indexJson, TooManyGroups, WrongJson } from "./jsonIndex.js";
import { type JsonRange, JsonSyntaxError } from "./jsonScanner.js";

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

/** What the ranges of an index hold; undefined where something is of a wrong type. */
function parsed(text: string): unknown {
  const bytes = Buffer.from(text);
  let isWrong = false;
  const value = ({ start, end }: JsonRange): unknown => JSON.parse(bytes.toString("utf8", start, end));
  const member = (name: string, range: JsonRange | undefined) =>
    range === undefined ? {} : { [name]: value(range) };
  const right = <T>(list: readonly (T | WrongJson)[] | WrongJson): readonly T[] => {
    if (list instanceof WrongJson || list.some((one) => one instanceof WrongJson)) isWrong = true;
    return list instanceof WrongJson ? [] : list.filter((one): one is T => !(one instanceof WrongJson));
  };
  const found = right(indexOf(text)).map(({ resource, schemaUrl, scopes }) => ({
    ...member("resource", resource),
    ...member("schemaUrl", schemaUrl),
    scopeSpans: right(scopes).map(({ scope, schemaUrl, spans }) => ({
      ...member("scope", scope),
      ...member("schemaUrl", schemaUrl),
      spans: right(spans).flatMap((start, place) =>
        place % 2 === 0 ? [value({ start, end: right(spans)[place + 1] ?? -1 })] : [],
      ),
    })),
  }));
  return isWrong ? undefined : found;
}

/** The same of a request that was parsed; undefined where something is of a wrong type. */
function expected(request: unknown): unknown {
  let isWrong = typeof request !== "object" || request === null || Array.isArray(request);
  const field = (holder: unknown, camel: string, snake = camel): unknown => {
    const fields = (holder ?? {}) as Readonly<Record<string, unknown>>;
    return own(fields, camel) ?? own(fields, snake) ?? undefined;
  };
  const own = (fields: Readonly<Record<string, unknown>>, name: string) =>
    Object.hasOwn(fields, name) ? fields[name] : undefined;
  const list = (holder: unknown, camel: string, snake: string, isOfSpans = false): readonly unknown[] => {
    const found = field(holder, camel, snake) ?? [];
    if (!Array.isArray(found)) isWrong = true;
    else if (!isOfSpans && found.some((one) => typeof one !== "object" || one === null || Array.isArray(one)))
      isWrong = true;
    return Array.isArray(found) ? found : [];
  };
  const member = (name: string, value: unknown) => (value === undefined ? {} : { [name]: value });
  const found = list(request, "resourceSpans", "resource_spans").map((group) => ({
    ...member("resource", field(group, "resource")),
    ...member("schemaUrl", field(group, "schemaUrl", "schema_url")),
    scopeSpans: list(group, "scopeSpans", "scope_spans").map((scope) => ({
      ...member("scope", field(scope, "scope")),
      ...member("schemaUrl", field(scope, "schemaUrl", "schema_url")),
      spans: list(scope, "spans", "spans", true),
    })),
  }));
  return isWrong ? undefined : found;
}

describe("the index of a request in JSON", () => {
  it.each([0, 2])("has its spans, resources and scopes, indented by %i", (indent) => {
    expect(parsed(JSON.stringify(request, null, indent))).toEqual(expected(request));
  });

  it.each([
    '{"resource_spans":[{"scope_spans":[{"spans":[1],"schema_url":"a"}]}]}',
    '{"resource\\u0053pans":[{"r\\u0065source":{}}]}',
    '{"resourceSpans":[{"resource":1}],"resource_spans":[{"resource":2}],"resourceSpans":[{"resource":3}]}',
    '{"resourceSpans":null,"resource_spans":[{"scopeSpans":[],"scopeSpans":[{"spans":[{}]}]}]}',
    '{"a":{"resourceSpans":[{}]},"resourceSpans":[{"b":[[[{}]]],"schemaUrl":"s","c":"\\""}],"d":1e-5}',
    `{"x":${"[".repeat(3_000)}${"]".repeat(3_000)},"resourceSpans":[{}]}`,
    `{"${"x".repeat(600_000)}":"${"y".repeat(600_000)}",${" ".repeat(600_000)}"resourceSpans":[{}]}`,
    '{"resourceSpans":[{"scopeSpans":5}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}',
    '{"resourceSpans":[null]}',
  ])("reads %.90s as JSON.parse does", (text) => {
    expect(parsed(text)).toEqual(expected(JSON.parse(text)));
  });

  it("skips a byte order mark", () => {
    expect(indexOf('\ufeff{"resourceSpans":[]}')).toEqual([]);
  });

  it("refuses too many spans, whatever they are, and too many groups of them", () => {
    const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[${Array(9).fill(0)}]}]}]}`;
    expect(indexOf(text, 11)).toHaveLength(1);
    expect(() => indexOf(text, 10)).toThrow(TooManyGroups);
    expect(() => indexOf('{"resourceSpans":[{},{},{}]}', 2)).toThrow(TooManyGroups);
    expect(indexOf('{"resourceSpans":[{},{}],"x":[{},{},{}]}', 2)).toHaveLength(2);
  });

  it.each<[string, string]>([
    ["groups of scopes", `{"resourceSpans":[${Array(200_000).fill("{}")}]}`],
    ["groups of spans", `{"resourceSpans":[{"scopeSpans":[${Array(200_000).fill("{}")}]}]}`],
    ["unknown values", `{"x":[${Array(600_000).fill("1")}]}`],
    ["unknown members", `{${Array.from({ length: 200_000 }, (_, i) => `"x${i}":0`)}}`],
    [
      "members of a span",
      `{"resourceSpans":[{"scopeSpans":[{"spans":[{"x":[${Array(600_000).fill("1")}]}]}]}]}`,
    ],
    ["blanks", `{${" ".repeat(1_000_000)}}`],
    ["letters of a text", `{"x":"${"a".repeat(1_000_000)}"}`],
    ["letters of a name", `{"${"a".repeat(1_000_000)}":0}`],
    ["levels", `{"x":${"[".repeat(500_000)}${"]".repeat(500_000)}}`],
  ])("is made in steps of many %s", (_, text) => {
    const steps = indexJson(Buffer.from(text), 1_000_000);
    let count = 1;
    while (steps.next().done !== true) count++;
    expect(count).toBeGreaterThan(2);
  });

  it.each([
    "",
    " ",
    "{",
    '{"resourceSpans":[]} x',
    '{"x":01}',
    '{"x":1.}',
    '{"x":-}',
    '{"x":1e}',
    '{"x":tru}',
    '{"x":"\t"}',
    '{"x":"\\x"}',
    '{"x":"\\u00g0"}',
    '{"x":"\\',
    '{"x":[1,]}',
    '{"x":[1 2]}',
    '{"x":{"a"}}',
    '{"x":{"a":1,}}',
    '{"x":[}',
    '{"x":"a',
    '{"x":\u00a01}',
    '{"x":1\u000b}',
    `{"x":${"1".repeat(70_000)}}`,
  ])("refuses %.60s", (text) => {
    expect(() => indexOf(text)).toThrow(JsonSyntaxError);
  });

  it("refuses what JSON.parse refuses, and finds of all else what that finds", () => {
    const text = JSON.stringify(request);
    let found = 0;
    let refused = 0;
    for (let seed = 0; seed < 4_000; seed++) {
      const bytes = mutateJson(text, text, new Random(20_261_125, seed));
      const mutated = bytes.toString();
      // What is not UTF-8 is replaced when it is read, and has other places then.
      if (!bytes.equals(Buffer.from(mutated))) continue;
      let whole: unknown;
      try {
        whole = JSON.parse(mutated.replace(/^\ufeff/, ""));
      } catch {
        refused++;
        expect(() => indexOf(mutated)).toThrow(JsonSyntaxError);
        continue;
      }
      found++;
      // A comparison cannot go as deep as some of them nest.
      if (mutated.includes('{"arrayValue":{"values":['.repeat(1_000))) indexOf(mutated);
      else if (!isDeepStrictEqual(parsed(mutated), expected(whole)))
        expect(parsed(mutated)).toEqual(expected(whole));
    }
    expect(found).toBeGreaterThan(600);
    expect(refused).toBeGreaterThan(600);
  });
});
