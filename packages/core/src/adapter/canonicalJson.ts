/**
 * JSON with one spelling per value: object keys and `Map` keys sorted by code unit, `undefined` members left out.
 * `bigint` becomes a decimal string, bytes become base64, non-finite numbers their names as strings, -0 becomes 0.
 * Equal values give equal strings; it is made for comparing and storing, not for telling types apart.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Number.isFinite(value) ? String(value === 0 ? 0 : value) : JSON.stringify(String(value));
    case "boolean":
      return value ? "true" : "false";
    case "bigint":
      return `"${value}"`;
    case "object":
      return value === null ? "null" : canonicalObject(value);
    default:
      return "null";
  }
}

function canonicalObject(value: object): string {
  if (Array.isArray(value)) {
    let items = "";
    for (let place = 0; place < value.length; place++) {
      items += place === 0 ? canonicalJson(value[place]) : `,${canonicalJson(value[place])}`;
    }
    return `[${items}]`;
  }
  if (value instanceof Uint8Array) {
    return JSON.stringify(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"));
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return canonicalJson(value.toJSON());
  if (value instanceof Map) return canonicalMap(value);
  const keys = Object.keys(value);
  if (!isSorted(keys)) keys.sort();
  let members = "";
  for (const key of keys) {
    const member = (value as Record<string, unknown>)[key];
    if (member === undefined) continue;
    members += `${members === "" ? "" : ","}${quotedKey(key)}${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

const MAX_QUOTED_KEYS = 2_000;
const MAX_QUOTED_LENGTH = 64;
const quotedKeys = new Map<string, string>();

/** With its colon. Of one kind of value all have the same keys. */
export function quotedKey(key: string): string {
  const known = quotedKeys.get(key);
  if (known !== undefined) return known;
  const quoted = `${JSON.stringify(key)}:`;
  if (quotedKeys.size < MAX_QUOTED_KEYS && key.length <= MAX_QUOTED_LENGTH) quotedKeys.set(key, quoted);
  return quoted;
}

/** Keys of a `Map` need not be strings, and two of them may have one spelling. */
function canonicalMap(value: ReadonlyMap<unknown, unknown>): string {
  return `{${[...value]
    .filter(([, member]) => member !== undefined)
    .map(([key, member]): [string, unknown] => [String(key), member])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
    .join(",")}}`;
}

export function isSorted(keys: readonly string[]): boolean {
  for (let place = 1; place < keys.length; place++) {
    if ((keys[place - 1] as string) > (keys[place] as string)) return false;
  }
  return true;
}
