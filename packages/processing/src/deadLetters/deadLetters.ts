import type { AggregateRef, Page, PageOptions } from "@es/core";
import { parseTenantId, type TenantId } from "@es/core";
import type { DeadLetterReason } from "./deadLetterReason.js";

/** A run that failed for good. */
export interface DeadLetter extends DeadLetterReason {
  /** Opaque, unique within the queue. */
  readonly id: string;
  readonly ref: AggregateRef;
  readonly attempts: number;
  /** Unix milliseconds. */
  readonly firstFailedAt: number;
  /** Unix milliseconds. */
  readonly lastFailedAt: number;
}

export interface DeadLetterSelection {
  /** Only these ids. */
  readonly ids?: readonly string[];
  /** Only this tenant's. */
  readonly tenantId?: TenantId;
}

export interface RedriveProgress {
  /** Since the call began. */
  readonly redriven: number;
  /** Those redriven since the last report, never none. */
  readonly letters: readonly DeadLetter[];
}

export interface RedriveOptions {
  /** Letters scheduled per second, evenly; fractions slow down below one. @default as fast as the queue takes them */
  readonly ratePerSecond?: number;
  /** Stops between two steps; the call then rejects with `ABORTED`, whose field `redriven` says how many were. */
  readonly signal?: AbortSignal;
  /** Called, and awaited, after each step. */
  readonly onProgress?: (progress: RedriveProgress) => void | Promise<void>;
}

/**
 * What every queue checks before it selects dead letters. A selection that names a tenant which is `undefined` is refused, or
 * it would select those of all tenants.
 *
 * @throws EventSourcingError `INVALID_TENANT_ID`
 */
export function assertSelectable(selection: { readonly tenantId?: TenantId }): void {
  if ("tenantId" in selection) parseTenantId(selection.tenantId as string);
}

/** The parked runs of a queue, at most one per ref. Neither ids nor tenant selected means all. */
export interface DeadLetters {
  list(options?: PageOptions & { readonly tenantId?: TenantId }): Promise<Page<DeadLetter>>;
  get(id: string): Promise<DeadLetter | null>;
  /** The letters of these refs, in their order; `null` for a ref that is not parked. */
  findByRefs(refs: readonly AggregateRef[]): Promise<readonly (DeadLetter | null)[]>;
  /**
   * Schedules them again and removes them. Those that heal or are discarded before their turn are left out, and so are
   * those that are parked again: the call ends also if all fail again. Resolves with how many.
   */
  redrive(selection?: DeadLetterSelection, options?: RedriveOptions): Promise<number>;
  /** Removes them. Resolves with how many. */
  discard(selection?: DeadLetterSelection): Promise<number>;
}
