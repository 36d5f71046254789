import type { ProjectionRead, ProjectionStore, TenantId } from "@es/core";
import { type AggregateRef, aggregateRefKey, type ProjectionVersion, readProjectionVersion } from "@es/core";
import { canonicalJson, wholeNumber } from "@es/core/adapter";
import { type FieldDifference, fieldDifferences } from "./fieldDifferences.js";

export type ReadableGeneration = Pick<ProjectionStore<string, unknown>, "getProjections">;

export interface CompareGenerationsOptions {
  /** The store of the generation that is there, such as the serving one. */
  readonly from: ReadableGeneration;
  /** The store of the generation that may replace it. */
  readonly to: ReadableGeneration;
  /** What to compare: some aggregates, or all. Repeated ones count each time. */
  readonly refs: Iterable<AggregateRef> | AsyncIterable<AggregateRef>;
  /** Aggregates read at once. @default 100 */
  readonly batchSize?: number;
  /** Fields told of; differences in others are counted together. @default 100 */
  readonly maxFields?: number;
  /** Examples of each field. @default 3 */
  readonly maxExamples?: number;
  /** Stops between batches; the report then covers what was compared. */
  readonly signal?: AbortSignal;
}

export interface FieldExample {
  readonly tenantId: string;
  readonly aggregateId: string;
  /** JSON, cut to 200 characters; `null` where the field is not there. */
  readonly from: string | null;
  /** JSON, cut to 200 characters; `null` where the field is not there. */
  readonly to: string | null;
}

export interface FieldReport {
  /** JSON pointer. Arrays are compared as a whole. */
  readonly field: string;
  /** Aggregates in which it differs. */
  readonly count: number;
  readonly examples: readonly FieldExample[];
}

/** Every aggregate is counted in exactly one of the counts, `compared` aside. */
export interface GenerationComparison {
  readonly compared: number;
  readonly same: number;
  readonly different: number;
  /** Folded from different events: one of the two is behind, which says nothing of their handlers. */
  readonly unequalEvents: number;
  readonly onlyFrom: number;
  readonly onlyTo: number;
  readonly inNeither: number;
  /** In one of the two, or in both. */
  readonly undecodable: number;
  /** By count, then field. */
  readonly fields: readonly FieldReport[];
  /** Differences in fields beyond `maxFields`. */
  readonly otherFields: number;
}

const MAX_VALUE_LENGTH = 200;

/** Tells what differs between two generations of the same aggregates, field by field. Memory is bounded by one batch. */
export async function compareGenerations(options: CompareGenerationsOptions): Promise<GenerationComparison> {
  const report = new ComparisonReport(options);
  const batchSize = wholeNumber("batchSize", options.batchSize ?? 100, 1);
  let batch: AggregateRef[] = [];
  for await (const ref of options.refs) {
    batch.push(ref);
    if (batch.length < batchSize) continue;
    if (options.signal?.aborted === true) return report.result();
    await compareBatch(options, batch, report);
    batch = [];
  }
  if (options.signal?.aborted !== true) await compareBatch(options, batch, report);
  return report.result();
}

const absent: ProjectionRead = { status: "absent" };

async function compareBatch(
  { from, to }: CompareGenerationsOptions,
  batch: readonly AggregateRef[],
  report: ComparisonReport,
): Promise<void> {
  const [left, right] = await Promise.all([readMany(from, batch), readMany(to, batch)]);
  for (const ref of batch) {
    const key = aggregateRefKey(ref);
    report.add(ref, left.get(key) ?? absent, right.get(key) ?? absent);
  }
}

/** The projections of aggregates of several tenants, by `aggregateRefKey`. */
export async function readMany(
  store: ReadableGeneration,
  refs: readonly AggregateRef[],
): Promise<ReadonlyMap<string, ProjectionRead>> {
  const idsOf = new Map<TenantId, string[]>();
  for (const { tenantId, aggregateId } of refs) {
    const ids = idsOf.get(tenantId);
    if (ids === undefined) idsOf.set(tenantId, [aggregateId]);
    else ids.push(aggregateId);
  }
  const found = new Map<string, ProjectionRead>();
  await Promise.all(
    [...idsOf].map(async ([tenantId, ids]) => {
      for (const [aggregateId, read] of await store.getProjections(ids, { tenantId })) {
        found.set(aggregateRefKey({ tenantId, aggregateId }), read);
      }
    }),
  );
  return found;
}

class ComparisonReport {
  readonly #counts = {
    compared: 0,
    same: 0,
    different: 0,
    unequalEvents: 0,
    onlyFrom: 0,
    onlyTo: 0,
    inNeither: 0,
    undecodable: 0,
  };
  readonly #fields = new Map<string, { count: number; readonly examples: FieldExample[] }>();
  #otherFields = 0;
  readonly #maxFields: number;
  readonly #maxExamples: number;

  constructor({ maxFields = 100, maxExamples = 3 }: CompareGenerationsOptions) {
    this.#maxFields = wholeNumber("maxFields", maxFields, 0);
    this.#maxExamples = wholeNumber("maxExamples", maxExamples, 0);
  }

  add(ref: AggregateRef, from: ProjectionRead, to: ProjectionRead): void {
    this.#counts.compared++;
    if (from.status === "undecodable" || to.status === "undecodable") this.#counts.undecodable++;
    else if (from.status === "absent" && to.status === "absent") this.#counts.inNeither++;
    else if (from.status === "absent") this.#counts.onlyTo++;
    else if (to.status === "absent") this.#counts.onlyFrom++;
    else if (!areOfSameEvents(from.record.version, to.record.version)) this.#counts.unequalEvents++;
    else this.#addDifferences(ref, fieldDifferences(from.record.projection, to.record.projection));
  }

  result(): GenerationComparison {
    const fields = [...this.#fields].map(([field, { count, examples }]) => ({ field, count, examples }));
    fields.sort((a, b) => b.count - a.count || (a.field < b.field ? -1 : 1));
    return { ...this.#counts, fields, otherFields: this.#otherFields };
  }

  #addDifferences({ tenantId, aggregateId }: AggregateRef, differences: readonly FieldDifference[]): void {
    if (differences.length === 0) {
      this.#counts.same++;
      return;
    }
    this.#counts.different++;
    for (const { field, from, to } of differences) {
      let report = this.#fields.get(field);
      if (report === undefined) {
        if (this.#fields.size >= this.#maxFields) {
          this.#otherFields++;
          continue;
        }
        report = { count: 0, examples: [] };
        this.#fields.set(field, report);
      }
      report.count++;
      if (report.examples.length < this.#maxExamples) {
        report.examples.push({ tenantId, aggregateId, from: shortText(from), to: shortText(to) });
      }
    }
  }
}

/** Handler and revision aside. */
function areOfSameEvents(a: ProjectionVersion, b: ProjectionVersion): boolean {
  const [left, right] = [readProjectionVersion(a), readProjectionVersion(b)];
  return left.eventCount === right.eventCount && left.acceptedSum === right.acceptedSum;
}

function shortText(value: unknown): string | null {
  if (value === undefined) return null;
  const text = canonicalJson(value);
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH).toWellFormed()}…`;
}
