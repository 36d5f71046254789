import type { SessionProjection } from "../sessionProjection.js";

const texts = ["sessionId", "status", "startTimeUnixNano", "lastActivityUnixNano"] as const;
const counts = ["traceCount", "failedTraceCount", "spanCount", "errorCount"] as const;
const lists = ["models", "userIds", "traces"] as const;

/**
 * Reads a stored projection: rows may have been written by others than us.
 *
 * @throws TypeError, SyntaxError for what is no session projection
 */
export function readSessionProjection(text: string): SessionProjection {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new TypeError("it is no object");
  const expect = (names: readonly string[], what: string, holds: (member: unknown) => boolean) => {
    const wrong = names.find((name) => !holds(value[name]));
    if (wrong !== undefined) throw new TypeError(`${wrong} should be ${what}`);
  };
  expect(texts, "a text", (member) => typeof member === "string");
  expect(counts, "a count", (member) => typeof member === "number" && member >= 0);
  expect(lists, "a list", Array.isArray);
  expect(["usage", "cuts"], "an object", isObject);
  expect(["cost"], "an object or null", (member) => member === null || isObject(member));
  return value as unknown as SessionProjection;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
