import { decodeByReference } from "../test/fixtures/reference.js";
import { spanBrief, spansDigest } from "./spanDigest.js";

/** What a body means, by other code than the one that is tried. */
export type Meaning =
  /** Nothing: a success would be a lie. */
  | { readonly kind: "unreadable" }
  /** Exactly these spans. */
  | { readonly kind: "exact"; readonly count: number; readonly rejected: number; readonly digest: string }
  /** At most these spans, in this order; those that are missing must have been rejected. */
  | { readonly kind: "among"; readonly briefs: readonly string[] };

export function protobufMeaning(body: Buffer): Meaning {
  try {
    const { spans, rejectedCount } = decodeByReference(body);
    return { kind: "exact", count: spans.length, rejected: rejectedCount, digest: spansDigest(spans) };
  } catch {
    return { kind: "unreadable" };
  }
}

/** JSON by `JSON.parse`, and by nothing of the schema but where spans are. */
export function jsonMeaning(body: Buffer): Meaning {
  let request: unknown;
  try {
    request = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return { kind: "unreadable" };
  }
  const briefs: string[] = [];
  for (const resourceSpans of members(request, "resourceSpans", "resource_spans")) {
    for (const scopeSpans of members(resourceSpans, "scopeSpans", "scope_spans")) {
      for (const span of members(scopeSpans, "spans", "spans")) {
        briefs.push(
          spanBrief(
            text(span, "traceId", "trace_id").toLowerCase(),
            text(span, "spanId", "span_id").toLowerCase(),
            text(span, "name", "name"),
          ),
        );
      }
    }
  }
  return { kind: "among", briefs };
}

function field(value: unknown, camel: string, snake: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.hasOwn(fields, camel)
    ? fields[camel]
    : Object.hasOwn(fields, snake)
      ? fields[snake]
      : undefined;
}

function members(value: unknown, camel: string, snake: string): readonly unknown[] {
  const list = field(value, camel, snake);
  return Array.isArray(list) ? list : [];
}

function text(value: unknown, camel: string, snake: string): string {
  const found = field(value, camel, snake);
  return typeof found === "string" ? found.toWellFormed() : "";
}
