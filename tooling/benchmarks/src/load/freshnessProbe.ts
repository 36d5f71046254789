import { setTimeout as sleep } from "node:timers/promises";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { BENCH_TENANT } from "../engines/place.js";
import { SPANS_PER_TRACE } from "./genAiTraces.js";

/** How often is looked: what is measured is so much too long at most, and half of it on average. */
const POLL_MS = 50;
const PATIENCE_MS = 30_000;

export interface FreshnessTarget {
  readonly clickhouseUrl: string;
  readonly database: string;
  /** A trace of each body, as its template has it. */
  readonly traceIds: readonly string[];
}

/** Looks, again and again, which of the traces that were acknowledged have a row that holds all of their spans. */
export class FreshnessProbe {
  readonly #client: ClickHouseClient;
  readonly #table: string;
  readonly #acknowledgedAt = new Map<string, number>();
  readonly #freshness: number[] = [];
  readonly #looking: Promise<void>;
  #lastAcknowledgement = performance.now();
  #ending = false;

  constructor({ clickhouseUrl, database }: FreshnessTarget) {
    this.#client = createClient({ url: clickhouseUrl, log: { level: ClickHouseLogLevel.OFF } });
    this.#table = `${database}.trace_projections`;
    this.#looking = this.#look();
    // Its failure is told by `finish`.
    this.#looking.catch(() => {});
  }

  /** @param at as `performance.now` tells it */
  acknowledged(traceId: string, at: number): void {
    this.#acknowledgedAt.set(traceId, at);
    this.#lastAcknowledgement = at;
  }

  /** Waits until all can be read. Resolves with how long each took, milliseconds. */
  async finish(): Promise<readonly number[]> {
    this.#ending = true;
    try {
      await this.#looking;
    } finally {
      await this.#client.close();
    }
    return this.#freshness;
  }

  async #look(): Promise<void> {
    while (!this.#ending || this.#acknowledgedAt.size > 0) {
      if (this.#ending && performance.now() > this.#lastAcknowledgement + PATIENCE_MS)
        throw new Error(`${this.#acknowledgedAt.size} traces cannot be read in time.`);
      const began = performance.now();
      if (this.#acknowledgedAt.size > 0) await this.#readMany();
      await sleep(Math.max(0, began + POLL_MS - performance.now()));
    }
  }

  async #readMany(): Promise<void> {
    const result = await this.#client.query({
      query:
        `SELECT TraceId FROM ${this.#table} ` +
        "WHERE TenantId = {tenantId: String} AND TraceId IN {traceIds: Array(String)} AND SpanCount = {spans: UInt32}",
      query_params: {
        tenantId: BENCH_TENANT,
        traceIds: [...this.#acknowledgedAt.keys()],
        spans: SPANS_PER_TRACE,
      },
      format: "JSONCompactEachRow",
      use_multipart_params_auto: true,
    });
    const rows = await result.json<readonly [string]>();
    const now = performance.now();
    for (const [traceId] of rows) {
      const at = this.#acknowledgedAt.get(traceId);
      if (at === undefined) continue;
      this.#freshness.push(now - at);
      this.#acknowledgedAt.delete(traceId);
    }
  }
}
