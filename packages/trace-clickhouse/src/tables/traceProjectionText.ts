import type { TraceProjection } from "@es/trace-projection";

type Kind = "text" | "count" | "list" | "object" | "flag";

/** Members every trace projection has, whatever version of the handler made it, and what they hold. */
const members: Readonly<Record<string, readonly [kind: Kind, orNull?: "orNull"]>> = {
  traceId: ["text"],
  name: ["text"],
  rootSpanId: ["text", "orNull"],
  rootKind: ["text"],
  spanCount: ["count"],
  errorCount: ["count"],
  status: ["text"],
  startTimeUnixNano: ["text"],
  endTimeUnixNano: ["text"],
  durationNano: ["text"],
  input: ["object", "orNull"],
  output: ["object", "orNull"],
  models: ["list"],
  providers: ["list"],
  services: ["list"],
  usage: ["object"],
  cost: ["object", "orNull"],
  timeToFirstTokenNano: ["object", "orNull"],
  sessionId: ["text", "orNull"],
  otherSessionIds: ["list"],
  userId: ["text", "orNull"],
  tags: ["list"],
  metadata: ["object"],
  spanKinds: ["object"],
  truncated: ["flag"],
  flags: ["object"],
  provenance: ["object"],
};

/**
 * Reads a stored projection: rows may have been written by others than us.
 *
 * @throws TypeError, SyntaxError for what is no trace projection
 */
export function readTraceProjection(text: string): TraceProjection {
  const value: unknown = JSON.parse(text);
  if (kindOf(value) !== "object") throw new TypeError("it is no object");
  for (const [name, [kind, orNull]] of Object.entries(members)) {
    const member = Object.hasOwn(value as object, name)
      ? (value as Record<string, unknown>)[name]
      : undefined;
    if (member === null && orNull !== undefined) continue;
    if (kindOf(member) !== kind) throw new TypeError(`${name} should be a ${kind}`);
  }
  return value as TraceProjection;
}

function kindOf(value: unknown): Kind | undefined {
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "flag";
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? "count" : undefined;
  if (Array.isArray(value)) return "list";
  return typeof value === "object" && value !== null ? "object" : undefined;
}
