import {
  type AggregateRef,
  EventSourcingError,
  type EventStore,
  type EventStoreContext,
  isEventSourcingError,
  type TenantId,
  tenantOf,
} from "@es/core";
import {
  type AcceptedClock,
  createAcceptedClock,
  milliseconds,
  telemetryNames,
  warningListener,
  withSpan,
} from "@es/core/adapter";
import type { OtlpSpan, Resource, SpanEncoder } from "@es/otlp";
import type { ProjectionQueue } from "@es/processing";
import type { EncodedRows } from "@es/store-clickhouse";
import { createSpanEvent, type SpanEvent } from "@es/trace-projection";
import { type Span, trace } from "@opentelemetry/api";
import { type EncodedSpans, type SharedRows, SpanBlockEncoder, SpanBlockPool } from "./spanBlockEncoder.js";

const { attributes } = telemetryNames;
const tracer = trace.getTracer("@es/trace-projection");

/** The calls of an event store that write spans. */
export interface SpanEventWriter extends Pick<EventStore<string, SpanEvent>, "storeEvents"> {
  /** Without it spans are always made into events. When it resolves, the bytes of the rows become those of others. */
  storeEncodedRows?(rows: readonly EncodedRows[], context: EventStoreContext): Promise<void>;
}

export interface SpanIngestionWriteRepositoryOptions {
  readonly eventStore: SpanEventWriter;
  readonly queue: Pick<ProjectionQueue, "schedule">;
  /** @default createAcceptedClock() */
  readonly clock?: AcceptedClock;
  /** How long a slow queue may hold up a call whose spans are already stored. @default 2 000 */
  readonly scheduleTimeoutMs?: number;
  /**
   * Spans were stored and their traces were not scheduled: the reconciler has to.
   * @default a warning of the process, each once a minute
   */
  readonly onScheduleError?: (error: EventSourcingError, refs: readonly AggregateRef[]) => void;
}

export interface StoreSpansResult {
  /** Spans stored, duplicates included. */
  readonly stored: number;
  /** Distinct traces they belong to. */
  readonly traces: number;
}

export interface CreateSpanEncoderOptions {
  /** Of the request. */
  readonly byteLength: number;
  /** Which resources' spans to encode. @default all */
  readonly takes?: (resource: Resource) => boolean;
}

/** A block of a few rows costs ClickHouse more than these rows by themselves. */
const LEAST_BYTES_OF_BLOCK = 4_096;

/** Stores spans, then schedules the projections of their traces. */
export class SpanIngestionWriteRepositoryClickHouse {
  readonly #options: SpanIngestionWriteRepositoryOptions;
  readonly #warn = warningListener("SpanIngestionWriteRepositoryClickHouse");
  readonly #clock: AcceptedClock;
  readonly #scheduleTimeoutMs: number;
  readonly #blocks = new SpanBlockPool();
  /** Of each tenant the small requests that were last given to be stored. */
  readonly #waiting = new Map<TenantId, { readonly shared: SharedRows; readonly stored: Promise<void> }>();

  /** @throws EventSourcingError `INVALID_OPTIONS` */
  constructor(options: SpanIngestionWriteRepositoryOptions) {
    this.#options = options;
    this.#scheduleTimeoutMs = milliseconds("scheduleTimeoutMs", options.scheduleTimeoutMs ?? 2_000, 1);
    this.#clock = options.clock ?? createAcceptedClock();
  }

  /**
   * What makes rows of spans from the bytes of a request, for {@link storeEncodedSpans}; undefined where that does not pay
   * or the event store does not take rows.
   */
  createEncoder({ byteLength, takes }: CreateSpanEncoderOptions): SpanEncoder<EncodedSpans> | undefined {
    if (byteLength < LEAST_BYTES_OF_BLOCK || this.#options.eventStore.storeEncodedRows === undefined)
      return undefined;
    return new SpanBlockEncoder(this.#blocks, takes ?? (() => true));
  }

  /** {@link storeSpans}, of what an encoder of this repository made. */
  async storeEncodedSpans(
    spans: EncodedSpans,
    context: { readonly tenantId: TenantId },
  ): Promise<StoreSpansResult> {
    const tenantId = tenantOf(context);
    return this.#store("storeEncodedSpans", tenantId, spans.count, spans.traceIds, async () => {
      const waiting = this.#waiting.get(tenantId);
      if (waiting !== undefined && spans.join(waiting.shared)) return waiting.stored;
      await this.#storeRows(spans, tenantId);
      // Not after a failure: a request that was given up may still be sent.
      spans.free();
    });
  }

  /** Small requests that come while these wait to be sent share their block, and what becomes of it. */
  async #storeRows(spans: EncodedSpans, tenantId: TenantId): Promise<void> {
    const stamp = () => this.#clock.next();
    const shared = spans.share(tenantId, stamp);
    const stored = this.#insert(shared === undefined ? spans.seal(tenantId, stamp) : [shared], tenantId);
    if (shared === undefined) return stored;
    const waiting = { shared, stored };
    this.#waiting.set(tenantId, waiting);
    try {
      await stored;
    } finally {
      if (this.#waiting.get(tenantId) === waiting) this.#waiting.delete(tenantId);
    }
  }

  async #insert(rows: readonly EncodedRows[], tenantId: TenantId): Promise<void> {
    await this.#options.eventStore.storeEncodedRows?.(rows, { tenantId });
  }

  /**
   * When it resolves, ClickHouse has acknowledged every span. When it rejects, nothing may be assumed and the same spans
   * can be sent again. A queue that fails or does not answer in time never fails it.
   *
   * @throws EventSourcingError what the event store's `storeEvents` throws
   */
  async storeSpans(
    spans: readonly OtlpSpan[],
    context: { readonly tenantId: TenantId },
  ): Promise<StoreSpansResult> {
    const tenantId = tenantOf(context);
    const traceIds = [...new Set(spans.map((span) => span.traceId))];
    return this.#store("storeSpans", tenantId, spans.length, traceIds, async () => {
      const events = spans.map((span) => createSpanEvent(span, this.#clock.next()));
      await this.#options.eventStore.storeEvents(events, { tenantId });
    });
  }

  #store(
    name: string,
    tenantId: TenantId,
    count: number,
    traceIds: readonly string[],
    write: () => Promise<void>,
  ): Promise<StoreSpansResult> {
    const about = { [attributes.tenantId]: tenantId, [attributes.eventCount]: count };
    return withSpan(
      tracer,
      `SpanIngestionWriteRepositoryClickHouse.${name}`,
      { attributes: about },
      async (active) => {
        if (count === 0) return { stored: 0, traces: 0 };
        active.setAttribute(attributes.aggregateCount, traceIds.length);
        const [only] = traceIds;
        if (traceIds.length === 1 && only !== undefined) active.setAttribute(attributes.traceId, only);
        await write();
        await this.#schedule(
          traceIds.map((aggregateId) => ({ tenantId, aggregateId })),
          active,
        );
        return { stored: count, traces: traceIds.length };
      },
    );
  }

  async #schedule(refs: readonly AggregateRef[], active: Span): Promise<void> {
    const limitMs = this.#scheduleTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const message = `The queue did not take ${refs.length} traces within ${limitMs} ms. Their spans are stored; reconciling schedules them.`;
        reject(new EventSourcingError("QUEUE_UNAVAILABLE", message, { fields: { traces: refs.length } }));
      }, limitMs);
    });
    try {
      // A schedule that fails after it was given up on has been reported already.
      const scheduled = (async () => this.#options.queue.schedule(refs))();
      await Promise.race([scheduled, late]);
    } catch (cause) {
      const error = isEventSourcingError(cause)
        ? cause
        : new EventSourcingError("QUEUE_UNAVAILABLE", `Scheduling ${refs.length} traces failed.`, { cause });
      active.addEvent("projection.job.not_enqueued", {
        [attributes.errorCode]: error.code,
        [attributes.aggregateCount]: refs.length,
      });
      try {
        const { onScheduleError = this.#warn } = this.#options;
        onScheduleError(error, refs);
      } catch (failure) {
        // The spans are stored, whatever the listener thinks.
        active.recordException(failure instanceof Error ? failure : String(failure));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
