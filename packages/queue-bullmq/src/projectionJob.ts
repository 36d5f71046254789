import { createHash } from "node:crypto";
import {
  type AggregateRef,
  aggregateRefKey,
  assertAggregateId,
  EventSourcingError,
  parseTenantId,
} from "@es/core";

export const defaultQueueName = "projections";

/** Hash-tagged, so that all keys of a queue share one slot of a Redis Cluster. */
export const defaultPrefix = "{es}";

export const jobName = "project";

/** The names in a queue's keys, which are joined by colons. @throws EventSourcingError `INVALID_OPTIONS` */
export function parseQueueNames(options: { readonly queueName?: string; readonly prefix?: string }): {
  readonly queueName: string;
  readonly prefix: string;
} {
  const { queueName = defaultQueueName, prefix = defaultPrefix } = options;
  if (typeof queueName !== "string" || queueName === "" || queueName.includes(":")) {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `queueName must be a text without a colon, got ${JSON.stringify(queueName)}.`,
    );
  }
  return { queueName, prefix: parsePrefix(prefix) };
}

/** @throws EventSourcingError `INVALID_OPTIONS` */
export function parsePrefix(prefix: string = defaultPrefix): string {
  if (typeof prefix === "string" && prefix !== "") return prefix;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `prefix must be a text that is not empty, got ${JSON.stringify(prefix)}.`,
  );
}

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
  assertAggregateId(aggregateId);
  return { tenantId: parseTenantId(tenantId), aggregateId };
}
