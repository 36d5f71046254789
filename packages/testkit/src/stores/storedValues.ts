/** JSON values every store returns as they were given, beside those the suites name one by one. */
export const keptValues: readonly (readonly [name: string, value: unknown])[] = [
  ["negative zero", [-0, { zero: -0 }]],
  ["lone surrogates", ["\ud800", "a\udfffb", { "\udc00": "\ude00\ud83d" }]],
  ["keys in any order, and number-like ones", { b: 1, a: 2, 10: 3, 9: 4 }],
  ["the same object twice", twice({ a: [1] })],
  ["an object without a prototype", Object.assign(Object.create(null) as object, { a: 1 })],
  ["members that are undefined, as absent ones", { a: undefined, list: [{ b: undefined }], c: 1 }],
  ["a hundred levels", nested(100)],
];

class Money {
  readonly cents = 5;
}

/** Values every store refuses, with the path to the fault below the value. A store with a codec may keep some. */
export const refusedValues: readonly {
  readonly value: unknown;
  readonly path: string;
  readonly fault: string;
}[] = [
  { value: { count: 100n }, path: ".count", fault: "a bigint" },
  { value: { at: [new Date(0)] }, path: ".at[0]", fault: "a Date" },
  { value: { byKey: new Map([["a", 1]]) }, path: ".byKey", fault: "a Map" },
  { value: { all: new Set([1]) }, path: ".all", fault: "a Set" },
  { value: { bytes: new Uint8Array(2) }, path: ".bytes", fault: "bytes" },
  { value: { lines: [{ paid: new Money() }] }, path: ".lines[0].paid", fault: "an instance of a class" },
  { value: { share: Number.NaN }, path: ".share", fault: "NaN" },
  { value: [1, Number.POSITIVE_INFINITY], path: "[1]", fault: "infinite" },
  { value: [1, undefined], path: "[1]", fault: "undefined in a list" },
  { value: { list: new Array<number>(2) }, path: ".list[0]", fault: "a hole in a list" },
  { value: { call: () => 1 }, path: ".call", fault: "a function" },
  { value: { mark: Symbol("a") }, path: ".mark", fault: "a symbol" },
  { value: circular(), path: ".items[0].owner", fault: "circular" },
  { value: { "a key": { error: new Error("no") } }, path: '["a key"].error', fault: "an error" },
];

/** What a call may come with at run time in place of a context. Every call refuses it with `INVALID_TENANT_ID`. */
export const refusedContexts: readonly (readonly [name: string, context: unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["an empty context", {}],
  ["another name", { tenant: "acme" }],
  ["a number", { tenantId: 5 }],
  ["an empty tenant", { tenantId: "" }],
  ["a control character", { tenantId: "a\nb" }],
  ["a lone surrogate", { tenantId: "a\ud800" }],
  ["a list", { tenantId: ["acme"] }],
  ["an object", { tenantId: { toString: () => "acme" } }],
];

/** Changes whatever can be changed in a value and in all it holds, as a careless handler does. */
export function vandalize(value: unknown, seen = new Set<unknown>()): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  const members = value instanceof Map || value instanceof Set ? [...value.values()] : Object.values(value);
  for (const member of members) vandalize(member, seen);
  const changes: readonly (() => unknown)[] =
    value instanceof Uint8Array
      ? [() => value.fill(255)]
      : value instanceof Map
        ? [() => value.clear(), () => value.set("vandal", 1)]
        : value instanceof Set
          ? [() => value.clear()]
          : Array.isArray(value)
            ? [() => value.reverse(), () => value.push("vandal"), () => value.splice(0, 1)]
            : Object.keys(value).map((key) => () => Reflect.set(value, key, "vandal"));
  for (const change of changes) {
    try {
      change();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
}

function twice(value: object): unknown {
  return { first: value, second: [value] };
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

function circular(): unknown {
  const value: { items: unknown[] } = { items: [] };
  value.items.push({ owner: value });
  return value;
}
