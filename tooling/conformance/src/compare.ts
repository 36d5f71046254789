import type { OtlpSpan } from "@es/otlp";
import { spanKindOf, type TraceProjection } from "@es/trace-projection";
import type { Fixture, Truth, TruthApi } from "./fixture.js";
import { invoiceOf } from "./invoice.js";
import { expectedSpanKind } from "./spanKinds.js";

/** The fields that are compared, in the order of the page's columns. */
export const columns = [
  "spans",
  "input",
  "output",
  "models",
  "provider",
  "tokens in",
  "tokens out",
  "cost",
  "first token",
  "status",
  "session, user",
  "kinds",
] as const;

export type Column = (typeof columns)[number];

export interface Difference {
  readonly expected: string;
  readonly got: string;
}

/** How each emitter may spell the provider of an API. */
const providers: Readonly<Record<TruthApi, RegExp>> = {
  "openai.chat": /^(openai(\.chat|\.responses)?|acme\.chat|acme|azure)$/i,
  "openai.responses": /^openai(\.responses)?$/i,
  "openai.embeddings": /^openai(\.embeddings?)?$/i,
  "anthropic.messages": /^anthropic(\.messages)?$/i,
  "bedrock.converse": /^(aws|amazon|aws\.bedrock|aws_bedrock|bedrock)$/i,
  "bedrock.invoke": /^(aws|amazon|anthropic|aws\.bedrock|aws_bedrock|bedrock)$/i,
  "gemini.generateContent":
    /^(google|gcp\.gemini|gcp\.vertex\.agent|gcp\.gen_ai|gemini|google[._]?gen[._]?ai|google ai studio)$/i,
};

/** A client's clock has milliseconds, and is read before or after the instant it stands for. */
const CLOCK_NANO = 2_000_000n;

/** A client that has much to do when the first piece comes takes it so much later. */
const BUSY_NANO = 250_000_000n;

/** What the projection of a fixture's main trace says, field by field; a field without an entry is as it should be. */
export function compare(
  fixture: Fixture,
  spans: readonly OtlpSpan[],
  projection: TraceProjection,
): ReadonlyMap<Column, Difference> {
  const { truth } = fixture;
  const differences = new Map<Column, Difference>();
  const same = (column: Column, expected: string, got: string) => {
    if (expected !== got) differences.set(column, { expected, got });
  };
  const invoice = invoiceOf(truth.calls);
  const { usage } = projection;

  same("spans", String(fixture.spanCount), String(projection.spanCount));
  same("input", truth.input, projection.input?.text ?? NONE);
  same("output", truth.output ?? NONE, projection.output?.text || NONE);
  same("models", list(modelsOf(truth)), list(projection.models));
  const strange = projection.providers.filter(
    (provider) => !truth.calls.some(({ api }) => providers[api].test(provider)),
  );
  if (strange.length > 0 || (truth.calls.length > 0 && projection.providers.length === 0)) {
    differences.set("provider", {
      expected: list(new Set(truth.calls.map(({ api }) => api.split(".")[0] ?? api))),
      got: list(projection.providers),
    });
  }
  same(
    "tokens in",
    `${invoice.input} (${invoice.cacheRead} read, ${invoice.cacheWrite} written)`,
    `${usage.inputTokens} (${usage.cacheReadTokens} read, ${usage.cacheWriteTokens} written)`,
  );
  same(
    "tokens out",
    `${invoice.output} (${invoice.reasoning} reasoning)`,
    `${usage.outputTokens} (${usage.reasoningTokens} reasoning)`,
  );
  const cost = (truth.cost === undefined ? invoice.cost : truth.cost) ?? NONE;
  const amount = projection.cost?.amount ?? NONE;
  // Where nothing was used, nothing and no cost are the same.
  same("cost", cost, truth.failed && amount === "0" ? NONE : amount);
  compareFirstToken(truth, projection, differences);
  same("status", truth.failed ? "error" : "no error", statusOf(projection));
  const ids = [
    [truth.sessionId, projection.sessionId],
    [truth.userId, projection.userId],
  ] as const;
  same(
    "session, user",
    list(ids.map(([expected]) => expected ?? NONE)),
    list(ids.map(([expected, got]) => (expected === "any" && got !== null ? "any" : (got ?? NONE)))),
  );
  compareKinds(fixture, spans, projection, differences);
  return differences;
}

const NONE = "none";

function list(values: Iterable<string>): string {
  return [...values].join(", ") || NONE;
}

/** As they answered, in order of first use. */
function modelsOf({ calls }: Truth): ReadonlySet<string> {
  const answered = calls.filter(({ status }) => status === 200);
  return new Set(
    answered.length > 0
      ? answered.map(({ responseModel }) => responseModel)
      : calls.map(({ model }) => model),
  );
}

/** An error without a word about what went wrong is none that anybody could act on. */
function statusOf({ status, firstError }: TraceProjection): string {
  if (status !== "error") return "no error";
  return firstError?.message || firstError?.type ? "error" : "error without a reason";
}

/** Each span is of the kind its name says, they are counted, and none of those is missing that the scenario has. */
function compareKinds(
  { id, truth }: Fixture,
  spans: readonly OtlpSpan[],
  { spanKinds }: TraceProjection,
  differences: Map<Column, Difference>,
): void {
  const expected = spans.map((span) => expectedSpanKind(id, span));
  const wrong = spans.flatMap((span, index) => {
    const { kind } = spanKindOf(span);
    return kind === expected[index] ? [] : [{ name: span.name, kind, expected: expected[index] }];
  });
  if (wrong.length > 0) {
    differences.set("kinds", {
      expected: list(new Set(wrong.map((span) => `${span.name}: ${span.expected}`))),
      got: list(new Set(wrong.map((span) => `${span.name}: ${span.kind}`))),
    });
    return;
  }
  const counts: Record<string, number> = {};
  for (const kind of expected) counts[kind] = (counts[kind] ?? 0) + 1;
  const missing = kindsOf(truth).filter((kind) => !(kind in spanKinds));
  const sameCounts =
    Object.keys(counts).length === Object.keys(spanKinds).length &&
    Object.entries(spanKinds).every(([kind, count]) => counts[kind] === count);
  if (missing.length > 0 || !sameCounts) {
    differences.set("kinds", { expected: list(kindsOf(truth)), got: list(Object.keys(spanKinds)) });
  }
}

function kindsOf({ calls, kinds }: Truth): readonly string[] {
  if (calls.length === 0) return ["server"];
  return [calls[0]?.api === "openai.embeddings" ? "embedding" : "llm", ...kinds];
}

/** The first token came when the endpoint had sent its first piece, and at once or at least before its last. */
function compareFirstToken(
  { firstToken }: Truth,
  { timeToFirstTokenNano, startTimeUnixNano }: TraceProjection,
  differences: Map<Column, Difference>,
): void {
  const instant =
    timeToFirstTokenNano?.trace == null
      ? null
      : BigInt(startTimeUnixNano) + BigInt(timeToFirstTokenNano.trace);
  if (firstToken === null) {
    if (instant !== null)
      differences.set("first token", {
        expected: NONE,
        got: `${milliseconds(BigInt(timeToFirstTokenNano?.trace ?? 0))}`,
      });
    return;
  }
  const [from, to] = [BigInt(firstToken.from), BigInt(firstToken.to)];
  if (instant === null) {
    differences.set("first token", { expected: "one", got: NONE });
  } else if (instant < from - CLOCK_NANO || (instant >= to && instant > from + BUSY_NANO)) {
    const off =
      instant < from ? `${milliseconds(from - instant)} early` : `${milliseconds(instant - from)} late`;
    differences.set("first token", { expected: "on time", got: off });
  }
}

function milliseconds(nano: bigint): string {
  return `${nano / 1_000_000n} ms`;
}
