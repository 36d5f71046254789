import type { OtlpSpan } from "@es/otlp";
import { rules } from "../conventions/conventions.js";
import { type CostFacts, readReportedCost } from "../cost/traceCost.js";
import type { SpanRole } from "../traceProjection.js";
import { countUsageOnce } from "../usage/countOnce.js";
import { readSpanUsage } from "../usage/spanUsage.js";
import { findTwinCalls, type TwinCall } from "../usage/twinCalls.js";
import type { SpanTree } from "./spanTree.js";

/** What one span says, read once. */
export interface SpanFacts extends CostFacts {
  /** No span of the trace is above it. */
  readonly isTop: boolean;
}

export interface TraceFacts {
  /** By position in the tree. */
  readonly facts: readonly SpanFacts[];
  readonly twins: readonly TwinCall[];
  /** The root, then the others as they started. */
  readonly rootFirst: readonly SpanFacts[];
  /** The span that gives input and output before all others, if one does. */
  readonly speaker: SpanFacts | undefined;
  /** All but the speaker, in the order of `rootFirst`. */
  readonly others: readonly SpanFacts[];
}

export function readTraceFacts(tree: SpanTree): TraceFacts {
  const { spans } = tree;
  const roles = spans.map(roleOf);
  const usages = spans.map((span, position) => readSpanUsage(span, roles[position] as SpanRole));
  const twins = findTwinCalls(tree, usages);
  const counted = countUsageOnce(tree, usages, twins, roles);
  const facts = spans.map((span, position) => ({
    span,
    isTop: tree.parents[position] === -1,
    role: roles[position] as SpanRole,
    usage: usages[position],
    counted: counted[position],
    reported: readReportedCost(span),
  }));
  const rootFirst = orderRootFirst(tree, facts);
  // The earliest of several orphans, or of a cycle, names the trace but does not speak for the others.
  const speaks = tree.rootKind === "root" || (tree.rootKind === "orphan" && tree.orphans === 1);
  const speaker = speaks ? rootFirst[0] : undefined;
  return { facts, twins, rootFirst, speaker, others: speaker === undefined ? rootFirst : rootFirst.slice(1) };
}

function orderRootFirst({ root }: SpanTree, facts: readonly SpanFacts[]): readonly SpanFacts[] {
  if (root <= 0) return facts;
  return [facts[root] as SpanFacts, ...facts.slice(0, root), ...facts.slice(root + 1)];
}

function roleOf(span: OtlpSpan): SpanRole {
  for (const rule of rules.roles) {
    const value = span.attributes.get(rule.key);
    if (value === undefined || value === null) continue;
    if (rule.present !== undefined) return rule.present;
    const role =
      typeof value === "string" && rule.values !== undefined && Object.hasOwn(rule.values, value)
        ? rule.values[value]
        : undefined;
    if (role !== undefined) return role;
  }
  return "other";
}
