import type { AggregateRef } from "@es/core";
import type { Link } from "@opentelemetry/api";

/** One scheduled ref. It exists while a run of it waits or is active. */
export interface Entry {
  readonly key: string;
  readonly ref: AggregateRef;
  /** Failed tries of the current run. */
  failures: number;
  /** Of the current run, Unix milliseconds. */
  firstFailedAt: number;
  /** The spans that scheduled the current run. */
  links: Link[];
  /** Calls made while the run was active; they become the next run. */
  followUp: { readonly delayMs: number; readonly links: Link[] } | null;
  active: boolean;
}
