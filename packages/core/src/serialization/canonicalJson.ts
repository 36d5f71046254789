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
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value instanceof Uint8Array) {
    return JSON.stringify(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"));
  }
  if ("toJSON" in value && typeof value.toJSON === "function") return canonicalJson(value.toJSON());
  const members = value instanceof Map ? [...value] : Object.entries(value);
  return `{${members
    .filter(([, member]) => member !== undefined)
    .map(([key, member]): [string, unknown] => [String(key), member])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
    .join(",")}}`;
}
