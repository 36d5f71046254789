import { createHash } from "node:crypto";
import { type AggregateRef, aggregateRefKey, parseTenantId } from "@es/core";

export const defaultQueueName = "projections";

/** Hash-tagged, so that all keys of a queue share one slot of a Redis Cluster. */
export const defaultPrefix = "{es}";

export const jobName = "project";

/** What a job carries: ids only, for a job that waits keeps the payload of the first call it serves. */
export interface ProjectionJobData {
  readonly tenantId: string;
  readonly aggregateId: string;
  /** Of the first failed try, Unix milliseconds. */
  readonly firstFailedAt?: number;
}

/** Longer keys are hashed, to keep Redis keys short. */
const MAX_KEY_LENGTH = 512;

/**
 * `{tenantId}:{aggregateId}`. A long one becomes the SHA-256 of it, which cannot be mistaken for another key: those
 * hold a colon.
 */
export function deduplicationId(ref: AggregateRef): string {
  const key = aggregateRefKey(ref);
  return key.length <= MAX_KEY_LENGTH ? key : `sha256-${createHash("sha256").update(key).digest("hex")}`;
}

export function refOf({ tenantId, aggregateId }: ProjectionJobData): AggregateRef {
  return { tenantId: parseTenantId(tenantId), aggregateId };
}
