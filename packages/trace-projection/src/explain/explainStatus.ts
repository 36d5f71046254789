import type { OtlpSpan } from "@es/otlp";
import { attributeToText } from "../attributes/attributeText.js";
import { rules } from "../conventions/conventions.js";
import { type FoundName, namesIn } from "../selection/names.js";
import { errorMessages, failedAt, failedBefore, hasFailed, readSpanError } from "../spans/spanError.js";
import { spanKindOf } from "../spans/spanKind.js";
import type { SpanKind } from "../traceProjection.js";
import { afterRoot, type ExplainedTrace, type FoundValue, fieldOf, Losers } from "./explainField.js";
import { SumParts } from "./sumParts.js";
import type { FieldExplanation } from "./traceExplanation.js";

/** Which span gives the trace its name. */
export function explainRoot(of: ExplainedTrace): readonly FieldExplanation[] {
  const { tree, projection } = of;
  const root = tree.spans[tree.root];
  const ruleId = `name.${tree.rootKind}`;
  const foundIn = (span: OtlpSpan): FoundValue => ({ span, key: "name", ruleId, value: span.name });
  const losers = new Losers(of);
  const given = of.trace.rootFirst.flatMap(({ span }) => [...namesIn(span, rules.traceNames)]);
  const [named] = given;
  for (const other of given.slice(1)) losers.add(other, afterRoot(of, (named as FoundName).span, other.span));
  if (named !== undefined && root !== undefined) losers.add(foundIn(root), "lower-precedence-rule");
  const isOrphan = (position: number) =>
    tree.parents[position] === -1 && tree.spans[position]?.parentSpanId !== "";
  for (const [position, span] of tree.spans.entries()) {
    if (position === tree.root) continue;
    if (tree.rootKind === "root" && span.parentSpanId === "") losers.add(foundIn(span), "later-span");
    else if (tree.rootKind === "orphan" && isOrphan(position)) losers.add(foundIn(span), "later-span");
    else if (tree.rootKind === "none") losers.add(foundIn(span), "later-span");
  }
  if (tree.rootKind === "root") {
    for (const [position, span] of tree.spans.entries()) {
      if (isOrphan(position)) losers.add(foundIn(span), "parent-missing");
    }
  }
  return [
    fieldOf(of, "name", projection.name, { winner: named ?? (root && foundIn(root)), losers }),
    fieldOf(of, "rootSpanId", projection.rootSpanId, named === undefined ? { from: ["name"] } : {}),
  ];
}

/** Whether the trace failed, how often, and what went wrong first. */
export function explainStatus(of: ExplainedTrace): readonly FieldExplanation[] {
  const { tree, projection } = of;
  const root = tree.spans[tree.root];
  const failed = tree.spans.filter(hasFailed);
  const foundIn = (span: OtlpSpan): FoundValue => {
    const { type, message, key, ruleId } = readSpanError(span);
    return { span, key, ruleId, value: message ?? type ?? "" };
  };
  const count = new SumParts(of);
  for (const span of failed) {
    count.add({ found: foundIn(span), own: "1", counted: "1", isFirst: true });
  }
  const order = failed.toSorted((a, b) => (a === b ? 0 : failedBefore(a, b) ? -1 : 1));
  const [first] = order;
  const losers = new Losers(of);
  if (first !== undefined) {
    let isFirst = true;
    for (const { message, key, ruleId } of errorMessages(first)) {
      if (!isFirst) losers.add({ span: first, key, ruleId, value: message }, "lower-precedence-rule");
      isFirst = false;
    }
    const at = failedAt(first);
    for (const span of order.slice(1)) {
      losers.add(foundIn(span), failedAt(span) === at ? "outer-span" : "failed-later");
    }
  }
  return [
    fieldOf(of, "status", projection.status, { from: [failed.length > 0 ? "firstError" : "rootStatus"] }),
    fieldOf(of, "rootStatus", projection.rootStatus, {
      winner: root && { span: root, key: "status", ruleId: "status.root", value: projection.rootStatus },
    }),
    fieldOf(of, "errorCount", projection.errorCount, {
      winner: count.first,
      sum: count.sum(String(projection.errorCount)),
    }),
    fieldOf(of, "firstError", projection.firstError?.message ?? projection.firstError?.type ?? null, {
      winner: first && foundIn(first),
      losers,
    }),
  ];
}

/** How many spans there are of each kind, and what says so. */
export function explainKinds(of: ExplainedTrace): readonly FieldExplanation[] {
  const counts = new Map<SpanKind, SumParts>();
  for (const span of of.tree.spans) {
    const { kind, key, ruleId } = spanKindOf(span);
    const count = counts.get(kind) ?? new SumParts(of);
    counts.set(kind, count);
    const value = key === "kind" ? String(span.kind) : attributeToText(span.attributes.get(key) ?? "");
    count.add({ found: { span, key, ruleId, value }, own: "1", counted: "1", isFirst: true });
  }
  return [...counts].map(([kind, count]) => {
    const spans = of.projection.spanKinds[kind] ?? 0;
    return fieldOf(of, `spanKinds.${kind}`, spans, { winner: count.first, sum: count.sum(String(spans)) });
  });
}
