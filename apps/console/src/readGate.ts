import { isEventSourcingError } from "@es/core";
import { FairGate } from "@es/core/adapter";
import { RequestError } from "@es/host";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { ConsoleConfig } from "./config.js";
import type { Reader } from "./reader.js";

export type ReadGateConfig = Pick<ConsoleConfig, "CONSOLE_MAX_READS" | "CONSOLE_MAX_READ_BYTES">;

/** What a read takes of memory at most. */
export interface ReadSizes {
  /** One projection. */
  readonly single: number;
  /** A page of a listing, or of spans. */
  readonly page: number;
}

/** What a byte of a page may take at once: as rows, as spans, as the answer's text and as its bytes. */
const MEMORY_PER_PAGE_BYTE = 8;
const SINGLE_BYTES = 4 * 2 ** 20;

/** A tenant's reads beyond these are refused. */
const MOST_WAITING = 200;
const MOST_WAIT_MS = 20_000;

/**
 * Bounds the reads that run at once, and the memory they take together. Tenants take turns, and one has half of it at most:
 * whatever one asks for, another's read starts soon.
 */
export class ReadGate {
  readonly #gate: FairGate;
  readonly #sizes: ReadSizes;

  constructor(config: ReadGateConfig, pageBytes: number) {
    this.#gate = new FairGate({
      name: "reads",
      concurrency: config.CONSOLE_MAX_READS,
      capacity: config.CONSOLE_MAX_READ_BYTES,
      share: 0.5,
      mostWaiting: MOST_WAITING,
      mostWaitMs: MOST_WAIT_MS,
    });
    this.#sizes = { single: SINGLE_BYTES, page: MEMORY_PER_PAGE_BYTE * pageBytes };
  }

  /** A middleware: what comes after it runs when there is room for it. */
  admit(size: keyof ReadSizes) {
    return createMiddleware<Reader>((context, next) => this.run(context, size, next));
  }

  /**
   * Runs `work` when there is room for it. A client that leaves gives up its place.
   *
   * @throws RequestError 429 `TOO_MANY_READS`
   */
  async run<T>(context: Context<Reader>, size: keyof ReadSizes, work: () => Promise<T>): Promise<T> {
    const { signal } = context.req.raw;
    let started = false;
    const run = () => {
      started = true;
      return work();
    };
    try {
      return await this.#gate.run(context.var.tenantId, run, { amount: this.#sizes[size], signal });
    } catch (error) {
      if (started || !isEventSourcingError(error, "STORE_OVERLOADED")) throw error;
      const message = "Too many reads of this tenant wait already; try again later, with fewer at once";
      throw new RequestError(429, "TOO_MANY_READS", message, { "retry-after": "2" });
    }
  }
}
