import { assertAggregateId, type TenantId } from "@es/core";
import type { Link } from "@opentelemetry/api";
import type { Coalescer, Settled } from "./coalescer.js";

/** One caller's wish to read one aggregate. */
export interface AggregateAsked {
  readonly tenantId: TenantId;
  readonly aggregateId: string;
  readonly link: Link | undefined;
}

/** Reads every aggregate asked for, each once. Rejects with the first failure. */
export async function readDistinct<TAggregateId extends string, TResult>(
  reads: Coalescer<AggregateAsked, TResult>,
  aggregateIds: readonly TAggregateId[],
  about: Omit<AggregateAsked, "aggregateId">,
): Promise<ReadonlyMap<TAggregateId, TResult>> {
  for (const aggregateId of aggregateIds) assertAggregateId(aggregateId);
  const distinct = [...new Set(aggregateIds)];
  const outcomes = await reads.submitAll(distinct.map((aggregateId) => ({ ...about, aggregateId })));
  const results = valuesOf(outcomes);
  return new Map(distinct.map((aggregateId, place) => [aggregateId, results[place] as TResult]));
}

/** The results of calls that all had to succeed. @throws the first failure */
export function valuesOf<TResult>(outcomes: readonly Settled<TResult>[]): readonly TResult[] {
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  });
}
