import { exactMoney, zeroMoney } from "../src/cost/money.js";
import type { FieldExplanation, Json, TraceExplanation, TraceProjection } from "../src/index.js";

/** Where an explanation, made without shortening, says something else than the projection. */
export function contradictionsOf(
  { traceId, spanCount, fields }: TraceExplanation,
  projection: TraceProjection,
): readonly string[] {
  const found: string[] = [];
  const expectSame = (what: string, got: unknown, expected: unknown) => {
    const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
    if (a !== b) found.push(`${what}: ${a} instead of ${b}`);
  };
  expectSame("traceId", traceId, projection.traceId);
  expectSame("spanCount", spanCount, projection.spanCount);
  const byField = new Map(fields.map((field) => [field.field, field]));
  expectSame("distinct fields", byField.size, fields.length);
  const expected = valuesOf(projection);
  expectSame("fields", [...byField.keys()].sort(), [...expected.keys()].sort());
  for (const [field, value] of expected) expectSame(field, byField.get(field)?.value, value);
  for (const [field, { spanId, key, ruleId }] of Object.entries(projection.provenance)) {
    const winner = byField.get(field)?.winner;
    expectSame(`winner of ${field}`, winner && [winner.spanId, winner.key, winner.ruleId], [
      spanId,
      key,
      ruleId,
    ]);
  }
  for (const explained of fields) {
    const { field, winner, value } = explained;
    if (winner !== null && isGivenAsIs(field)) expectSame(`what gave ${field}`, winner.value, value);
    if (hasProvenance(field) && winner !== null && projection.provenance[field] === undefined) {
      found.push(`${field} has a winner and no provenance`);
    }
    expectSum(explained, projection, expectSame);
  }
  return found;
}

/** Every field that is explained, with what the projection says. */
function valuesOf(projection: TraceProjection): ReadonlyMap<string, Json> {
  const { usage, metadata, models, providers, services, tags, unpricedModels } = projection;
  const list = (field: string, items: readonly string[]) =>
    items.map((item, index): [string, Json] => [`${field}[${index}]`, item]);
  return new Map<string, Json>([
    ["name", projection.name],
    ["rootSpanId", projection.rootSpanId],
    ["startTimeUnixNano", projection.startTimeUnixNano],
    ["endTimeUnixNano", projection.endTimeUnixNano],
    ["durationNano", projection.durationNano],
    ["status", projection.status],
    ["rootStatus", projection.rootStatus],
    ["errorCount", projection.errorCount],
    ["firstError", projection.firstError?.message ?? projection.firstError?.type ?? null],
    ...Object.entries(projection.spanKinds).map(([kind, count]): [string, Json] => [
      `spanKinds.${kind}`,
      count,
    ]),
    ["input", projection.input?.text ?? null],
    ["output", projection.output?.text ?? null],
    ["models", models],
    ...list("models", models),
    ["otherSessionIds", projection.otherSessionIds],
    ...list("otherSessionIds", projection.otherSessionIds),
    ["providers", providers],
    ...list("providers", providers),
    ["services", services],
    ...list("services", services),
    ...Object.entries(usage).map(([name, tokens]): [string, Json] => [`usage.${name}`, tokens]),
    ["cost", projection.cost?.amount ?? null],
    ["costReason", projection.costReason],
    ...list("unpricedModels", unpricedModels),
    ["timeToFirstTokenNano.call", projection.timeToFirstTokenNano?.call ?? null],
    ["timeToFirstTokenNano.trace", projection.timeToFirstTokenNano?.trace ?? null],
    ["sessionId", projection.sessionId],
    ["userId", projection.userId],
    ["tags", tags],
    ...list("tags", tags),
    ["metadata", Object.keys(metadata)],
    ...Object.entries(metadata).map(([key, value]): [string, Json] => [`metadata.${key}`, value]),
  ]);
}

/** Texts within the limits are the field's value as they were found. */
function isGivenAsIs(field: string): boolean {
  return /^(input|output|sessionId|userId|startTimeUnixNano|endTimeUnixNano|timeToFirstTokenNano\.call|(models|providers|otherSessionIds|services|tags|unpricedModels)\[\d+\])$/.test(
    field,
  );
}

/** The others follow from fields that have it, or are lists of which the items have it. */
function hasProvenance(field: string): boolean {
  return !/^(rootStatus|errorCount|spanKinds\.\w+|costReason|unpricedModels\[\d+\]|tags\[\d+\])$/.test(field);
}

function expectSum(
  { field, value, sum, losers }: FieldExplanation,
  projection: TraceProjection,
  expectSame: (what: string, got: unknown, expected: unknown) => void,
): void {
  for (const { reason, by, spanId } of [...losers, ...(sum?.parts ?? [])]) {
    if (reason !== "already-counted-below" && reason !== "twin-call") continue;
    expectSame(`who counts what ${spanId} says of ${field}`, (by?.length ?? 0) > 0, true);
  }
  if (sum === undefined) return;
  for (const { reason, own } of sum.parts) {
    if (reason !== "over-limit") continue;
    // Of the classes of the input a small one gives way where another is huge.
    const isHuge = Number(own) > 2 ** 50 || projection.usage.inputTokens > 2 ** 50;
    expectSame(`what is too much for ${field}`, isHuge, true);
  }
  if (field !== "cost") {
    const amounts = [...sum.parts.map(({ counted }) => counted), sum.moreCounted, sum.remainder];
    expectSame(
      `the sum of ${field}`,
      String(amounts.reduce((total, amount) => total + BigInt(amount), 0n)),
      String(value),
    );
    // Sums of tokens stop at 2⁵³ − 1.
    const isHuge = sum.parts.some(({ own }) => Number(own) > 2 ** 50);
    if (field !== "usage.totalTokens" && !isHuge) {
      expectSame(`the remainder of ${field}`, sum.remainder, "0");
    }
    return;
  }
  const amounts = [...sum.parts.map(({ counted }) => counted), sum.moreCounted, sum.remainder].map(
    exactMoney,
  );
  const total = amounts.reduce((one, other) => one.plus(other), zeroMoney);
  expectSame("the sum of cost", total.toFixed(), projection.cost?.amount);
  const isRounding = exactMoney(sum.remainder).abs().lte(exactMoney("0.000000000001"));
  expectSame("the remainder of cost", isRounding || value === "0", true);
}
