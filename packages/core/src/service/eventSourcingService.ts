import { metrics, type Span, trace } from "@opentelemetry/api";
import { copyPlain } from "../adapter/copyPlain.js";
import { inTurns } from "../adapter/inTurns.js";
import { secondsBuckets } from "../adapter/secondsBuckets.js";
import { telemetryNames } from "../adapter/telemetryNames.js";
import { warningListener } from "../adapter/warningListener.js";
import { wholeNumber } from "../adapter/wholeNumber.js";
import { withSpan } from "../adapter/withSpan.js";
import { classifyError, EventSourcingError, isEventSourcingError } from "../errors/eventSourcingError.js";
import type { AggregateRef } from "../events/aggregateRef.js";
import type { Event } from "../events/event.js";
import type { EventFold } from "../handlers/eventFold.js";
import type { EventHandler } from "../handlers/eventHandler.js";
import { buildProjectionMetadata, type ProjectionMetadata } from "../projections/projectionMetadata.js";
import type { ProjectionRecord } from "../projections/projectionRecord.js";
import {
  assertHandlerVersion,
  makeProjectionVersion,
  readProjectionVersion,
} from "../projections/projectionVersion.js";
import type { EventStore } from "../stores/eventStore.js";
import type { ProjectionRead, ProjectionStore } from "../stores/projectionStore.js";
import { type EventStoreContext, type ProjectionStoreContext, tenantOfBoth } from "../stores/storeContext.js";
import { createEventStream } from "../streams/eventStream.js";
import type { TenantId } from "../tenancy/tenantId.js";
import { AggregateFold } from "./aggregateFold.js";
import type { EventSourcingOptions } from "./eventSourcingOptions.js";
import { assertSynchronous, settled } from "./handlerResult.js";
import { KeptFolds } from "./keptFolds.js";

const { attributes, events, metrics: metricNames, spans } = telemetryNames;
const tracer = trace.getTracer("@es/core");

export interface EventSourcingServiceDefinition<
  TAggregateId extends string,
  TEvent extends Event,
  TProjection,
> {
  readonly eventStore: EventStore<TAggregateId, TEvent>;
  readonly projectionStore: ProjectionStore<TAggregateId, TProjection>;
  readonly eventHandler: EventHandler<TAggregateId, TEvent, TProjection>;
  readonly serviceOptions?: EventSourcingOptions<TAggregateId, TEvent, TProjection>;
}

export interface RebuildOptions {
  readonly eventStoreContext: EventStoreContext;
  readonly projectionStoreContext: ProjectionStoreContext;
  /** Ends a rebuild between two steps of a large fold; of a list of aggregates, between two batches. It rejects with `ABORTED`. */
  readonly signal?: AbortSignal;
}

/**
 * `no-events`: this event store holds nothing of the aggregate for this tenant, so nothing was written. If events were stored,
 * check the tenant and the table of the store: a kind of aggregates may have a table of its own. Spans have one; their store is
 * `EventStoreClickHouse` of `@es/trace-clickhouse`.
 */
export type RebuildResult<TAggregateId extends string, TProjection> =
  | { readonly outcome: "rebuilt"; readonly record: ProjectionRecord<TAggregateId, TProjection> }
  | { readonly outcome: "no-events" };

export interface GetProjectionOptions {
  readonly projectionStoreContext: ProjectionStoreContext;
  /** Not needed. One that is given has to name the same tenant. */
  readonly eventStoreContext?: EventStoreContext;
}

export interface RebuildFailure<TAggregateId extends string = string> {
  readonly aggregateId: TAggregateId;
  readonly error: EventSourcingError;
}

/** Where a batch rebuild is. */
export interface RebuildProgress<TAggregateId extends string = string> {
  readonly rebuilt: number;
  /** Aggregates without events. */
  readonly empty: number;
  readonly failed: number;
  /** Failures since the last report. */
  readonly failures: readonly RebuildFailure<TAggregateId>[];
  /** For `rebuildAllProjections`: give it back as `cursor` to resume after this report; `null` when all are done. */
  readonly cursor: string | null;
}

export interface RebuildManyOptions<TAggregateId extends string = string> extends RebuildOptions {
  /** Aggregates read in one round trip. @default 100 */
  readonly batchSize?: number;
  /** Called, and awaited, after each batch: throttle or save the cursor here. */
  readonly onProgress?: (progress: RebuildProgress<TAggregateId>) => void | Promise<void>;
}

export interface RebuildAllOptions<TAggregateId extends string = string>
  extends RebuildManyOptions<TAggregateId> {
  /** Resume after a progress report. */
  readonly cursor?: string;
}

/** The end of a batch rebuild. A failed aggregate never stops the others. */
export interface RebuildSummary<TAggregateId extends string = string> {
  readonly rebuilt: number;
  readonly empty: number;
  readonly failed: number;
  /** The first 1 000; `onProgress` is told of all. */
  readonly failures: readonly RebuildFailure<TAggregateId>[];
}

const KEPT_FAILURES = 1_000;

/** A fold that has to see more events again after so many reads of some starts anew with all. */
const RECALLS = 3;

/**
 * Rebuilds and reads the projections of one kind of aggregate. Any number may work on the same stores: the folds that one
 * keeps save work, and nothing rests on them.
 */
export class EventSourcingService<TAggregateId extends string, TEvent extends Event, TProjection> {
  readonly #warn = warningListener("EventSourcingService");
  readonly #definition: EventSourcingServiceDefinition<TAggregateId, TEvent, TProjection>;
  readonly #duration = metrics.getMeter("@es/core").createHistogram(metricNames.rebuildDuration, {
    unit: "s",
    description: "From reading events to stored",
    advice: { explicitBucketBoundaries: secondsBuckets },
  });
  readonly #foldedEvents = metrics.getMeter("@es/core").createCounter(metricNames.rebuiltEvents, {
    unit: "{event}",
    description: "Events folded into projections",
  });
  /** Where folds give what the handler gives. */
  readonly #startFold: ((aggregateId: TAggregateId) => EventFold<TEvent, TProjection>) | undefined;
  readonly #changes: ChangeReads<TAggregateId, TEvent, TProjection> | undefined;
  /** Aggregates of fewer are not worth a fold. */
  readonly #minEvents: number;

  /** @throws EventSourcingError `INVALID_OPTIONS` */
  constructor(definition: EventSourcingServiceDefinition<TAggregateId, TEvent, TProjection>) {
    assertEventHandler(definition.eventHandler);
    this.#definition = definition;
    const kept = keptFoldsOf(definition);
    this.#minEvents = kept?.minEvents ?? 0;
    this.#startFold = kept && startFoldOf(definition);
    this.#changes = kept && changeReadsOf(definition, kept, this.#startFold);
  }

  /**
   * Reads the events of the aggregate, folds them and stores the result. Safe to repeat and to run concurrently: of
   * several, the one that saw most stays. Of a large aggregate only what changed is read and folded, where the handler and
   * the store can do that: see `keptFolds`.
   *
   * Like all calls of a service, it rejects with `INVALID_TENANT_ID` for a context without a tenant, and with
   * `INVALID_OPTIONS` for two contexts of different tenants, before anything is read.
   */
  async rebuildProjection(
    aggregateId: TAggregateId,
    options: RebuildOptions,
  ): Promise<RebuildResult<TAggregateId, TProjection>> {
    return this.#traced(spans.rebuildProjection, aggregateId, tenantOfBoth(options), (span) =>
      this.#rebuild(aggregateId, options, 0, span),
    );
  }

  /**
   * `rebuildProjection` of events that the caller has read: all that are stored of the aggregate. Services share a list
   * only if it is frozen: the handler of one may change what is not.
   */
  async rebuildProjectionFrom(
    aggregateId: TAggregateId,
    stored: readonly TEvent[],
    options: RebuildOptions,
  ): Promise<RebuildResult<TAggregateId, TProjection>> {
    return this.#traced(spans.rebuildProjection, aggregateId, tenantOfBoth(options), (span) =>
      this.#rebuildFrom(aggregateId, stored, options, 0, span, performance.now()),
    );
  }

  /**
   * Rebuilds although nothing changed, so that what is stored is replaced even by a fold of the same events. It never
   * replaces a projection of more events.
   */
  async forceRebuildProjection(
    aggregateId: TAggregateId,
    options: RebuildOptions,
  ): Promise<RebuildResult<TAggregateId, TProjection>> {
    return this.#traced(spans.forceRebuildProjection, aggregateId, tenantOfBoth(options), async (span) => {
      const current = await this.#definition.projectionStore.getProjection(
        aggregateId,
        options.projectionStoreContext,
      );
      return this.#rebuild(aggregateId, options, revisionOf(current) + 1, span);
    });
  }

  /** What is stored. Emits `projection.not_found` on the active span when nothing is. */
  async getProjection(
    aggregateId: TAggregateId,
    options: GetProjectionOptions,
  ): Promise<ProjectionRead<TAggregateId, TProjection>> {
    const given: Partial<GetProjectionOptions> | undefined = options;
    const context = given?.projectionStoreContext as ProjectionStoreContext;
    const { eventStoreContext = context } = given ?? {};
    const tenantId = tenantOfBoth({ eventStoreContext, projectionStoreContext: context });
    return this.#traced(spans.getProjection, aggregateId, tenantId, async (span) => {
      const read = await this.#definition.projectionStore.getProjection(aggregateId, context);
      span.setAttribute(attributes.outcome, read.status);
      if (read.status === "absent") {
        span.addEvent(events.notFound, {
          [attributes.tenantId]: tenantId,
          [attributes.aggregateId]: aggregateId,
        });
      }
      if (read.status === "found") {
        span.setAttribute(attributes.eventCount, read.record.metadata.eventCount);
      }
      return read;
    });
  }

  /** Rebuilds a list of aggregates, batch by batch, past those that fail. Memory is bounded by one batch. */
  async rebuildProjections(
    aggregateIds: Iterable<TAggregateId> | AsyncIterable<TAggregateId>,
    options: RebuildManyOptions<TAggregateId>,
  ): Promise<RebuildSummary<TAggregateId>> {
    const about = { attributes: { [attributes.tenantId]: tenantOfBoth(options) } };
    const batchSize = batchSizeOf(options);
    return withSpan(tracer, spans.rebuildProjections, about, async (span) => {
      const run = new BatchRun(options);
      for await (const batch of batchesOf(aggregateIds, batchSize)) {
        run.throwIfAborted();
        await this.#rebuildBatch(batch, options, run);
        await run.report(null);
      }
      return run.finish(span);
    });
  }

  /** Rebuilds every aggregate of the tenant in the order of its ids. Resume with the cursor of a progress report. */
  async rebuildAllProjections(
    options: RebuildAllOptions<TAggregateId>,
  ): Promise<RebuildSummary<TAggregateId>> {
    const about = { attributes: { [attributes.tenantId]: tenantOfBoth(options) } };
    const limit = batchSizeOf(options);
    return withSpan(tracer, spans.rebuildAllProjections, about, async (span) => {
      const run = new BatchRun(options);
      let cursor = options.cursor ?? null;
      do {
        run.throwIfAborted();
        const page = await this.#definition.eventStore.listAggregateIds(options.eventStoreContext, {
          limit,
          ...(cursor === null ? {} : { cursor }),
        });
        await this.#rebuildBatch(page.items, options, run);
        cursor = page.nextCursor;
        await run.report(cursor);
      } while (cursor !== null);
      return run.finish(span);
    });
  }

  async #rebuildBatch(
    aggregateIds: readonly TAggregateId[],
    options: RebuildManyOptions<TAggregateId>,
    run: BatchRun<TAggregateId>,
  ): Promise<void> {
    const { eventStore } = this.#definition;
    let read: ReadonlyMap<TAggregateId, readonly TEvent[]>;
    try {
      read = await eventStore.getEventsOfMany(aggregateIds, options.eventStoreContext);
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      // One of them cannot be read: read one by one to learn which.
      read = await this.#readOneByOne(aggregateIds, options, run);
    }
    const records: ProjectionRecord<TAggregateId, TProjection>[] = [];
    const ids = [...read.keys()];
    // Side by side: what hooks wait for is then waited for once per batch.
    const folds = await Promise.allSettled(ids.map((id) => this.#fold(id, read.get(id) ?? [], options, 0)));
    for (const [index, fold] of folds.entries()) {
      if (fold.status === "rejected") run.fail(ids[index] as TAggregateId, fold.reason);
      else if (fold.value === null) run.empty++;
      else records.push(fold.value);
    }
    const stored = await this.#storeMany(records, options.projectionStoreContext, run);
    run.rebuilt += stored.length;
    await Promise.all(stored.map((record) => this.#afterPersist(record, options.eventStoreContext)));
  }

  /** Stores the records of one batch, past those that the store refuses, and returns the others. */
  async #storeMany(
    records: readonly ProjectionRecord<TAggregateId, TProjection>[],
    context: ProjectionStoreContext,
    run: BatchRun<TAggregateId>,
  ): Promise<readonly ProjectionRecord<TAggregateId, TProjection>[]> {
    const { projectionStore } = this.#definition;
    if (records.length === 0) return records;
    try {
      await projectionStore.storeProjections(records, context);
      return records;
    } catch (error) {
      if (!isEventSourcingError(error) || classifyError(error) !== "poison") throw error;
    }
    // One of them cannot be stored: store one by one to learn which.
    const stored: ProjectionRecord<TAggregateId, TProjection>[] = [];
    for (const record of records) {
      try {
        await projectionStore.storeProjection(record, context);
        stored.push(record);
      } catch (error) {
        if (!isEventSourcingError(error) || classifyError(error) !== "poison") throw error;
        run.fail(record.aggregateId, error);
      }
    }
    return stored;
  }

  async #readOneByOne(
    aggregateIds: readonly TAggregateId[],
    options: RebuildOptions,
    run: BatchRun<TAggregateId>,
  ): Promise<Map<TAggregateId, readonly TEvent[]>> {
    const read = new Map<TAggregateId, readonly TEvent[]>();
    for (const aggregateId of aggregateIds) {
      try {
        read.set(
          aggregateId,
          await this.#definition.eventStore.getEvents(aggregateId, options.eventStoreContext),
        );
      } catch (error) {
        if (!isFaultOfOne(error)) throw error;
        run.fail(aggregateId, error);
      }
    }
    return read;
  }

  async #rebuild(
    aggregateId: TAggregateId,
    options: RebuildOptions,
    revision: number,
    span: Span,
  ): Promise<RebuildResult<TAggregateId, TProjection>> {
    const started = performance.now();
    const context = options.eventStoreContext;
    const ref: AggregateRef<TAggregateId> = { tenantId: context.tenantId, aggregateId };
    const kept = revision === 0 ? this.#changes?.kept.take(ref) : undefined;
    const continued = kept && (await this.#continue(kept, ref, options));
    if (continued !== undefined) return this.#persist(continued, options, span, started);
    const stored = await this.#definition.eventStore.getEvents(aggregateId, context);
    if (this.#changes !== undefined && revision === 0 && stored.length >= this.#minEvents) {
      const fold = new AggregateFold(this.#changes.startFold(aggregateId));
      const begun = await this.#foldOn(fold, stored, ref, options);
      if (begun !== undefined) return this.#persist(begun, options, span, started);
    }
    return this.#rebuildFrom(aggregateId, stored, options, revision, span, started);
  }

  async #rebuildFrom(
    aggregateId: TAggregateId,
    stored: readonly TEvent[],
    options: RebuildOptions,
    revision: number,
    span: Span,
    started: number,
  ): Promise<RebuildResult<TAggregateId, TProjection>> {
    const record = await this.#fold(aggregateId, stored, options, revision);
    return this.#persist(record, options, span, started);
  }

  async #persist(
    record: ProjectionRecord<TAggregateId, TProjection> | null,
    options: RebuildOptions,
    span: Span,
    started: number,
  ): Promise<RebuildResult<TAggregateId, TProjection>> {
    const { projectionStore } = this.#definition;
    span.setAttribute(attributes.eventCount, record?.metadata.eventCount ?? 0);
    if (record === null) {
      span.setAttribute(attributes.outcome, "no-events");
      return { outcome: "no-events" };
    }
    await projectionStore.storeProjection(record, options.projectionStoreContext);
    span.setAttribute(attributes.projectionVersion, String(record.version));
    span.setAttribute(attributes.outcome, "rebuilt");
    this.#duration.record((performance.now() - started) / 1_000);
    await this.#afterPersist(record, options.eventStoreContext);
    return { outcome: "rebuilt", record };
  }

  /** `undefined` when everything has to be read. */
  async #continue(
    fold: AggregateFold<TEvent, TProjection>,
    ref: AggregateRef<TAggregateId>,
    options: RebuildOptions,
  ): Promise<ProjectionRecord<TAggregateId, TProjection> | undefined> {
    const context = options.eventStoreContext;
    let changed: readonly TEvent[] | null | undefined;
    try {
      changed = await this.#changes?.getChangedEvents(ref.aggregateId, fold, context);
    } catch (error) {
      // Nothing has happened to it; after an outage not everything should have to be read.
      this.#changes?.kept.keep(ref, fold);
      throw error;
    }
    return changed === undefined || changed === null ? undefined : this.#foldOn(fold, changed, ref, options);
  }

  /** Folds events into what was folded before, and keeps that. `undefined` when everything has to be read. */
  async #foldOn(
    fold: AggregateFold<TEvent, TProjection>,
    changed: readonly TEvent[],
    ref: AggregateRef<TAggregateId>,
    options: RebuildOptions,
  ): Promise<ProjectionRecord<TAggregateId, TProjection> | undefined> {
    const changes = this.#changes;
    if (changes === undefined) return undefined;
    const folded = await this.#projectOf(fold, changed, ref, options, (needs) =>
      changes.getEventsById(ref.aggregateId, needs, options.eventStoreContext),
    );
    if (folded === undefined) return undefined;
    const { eventCount, acceptedSum } = fold;
    const metadata = fold.metadata();
    await this.#inTurns(fold, ref, options, () => fold.release());
    // From here on another rebuild may go on with it.
    changes.kept.keep(ref, fold);
    // The fold may hold parts of it still, which hooks and callers must not change.
    const projection = copyPlain(folded.projection);
    return this.#recordOf(ref, projection, { eventCount, acceptedSum }, metadata, 0);
  }

  /** Adds events to a fold and projects it, in turns with other work. `undefined` when everything has to be read. */
  async #projectOf(
    fold: AggregateFold<TEvent, TProjection>,
    added: readonly TEvent[],
    ref: AggregateRef<TAggregateId>,
    options: RebuildOptions,
    readAgain: (needs: readonly string[]) => Promise<readonly TEvent[]>,
  ): Promise<{ readonly projection: TProjection } | undefined> {
    await this.#inTurns(fold, ref, options, () => fold.add(added));
    this.#foldedEvents.add(added.length);
    let step = await this.#inTurns(fold, ref, options, () => fold.project());
    for (let recalls = 0; !step.done; recalls++) {
      if (recalls >= RECALLS) return undefined;
      const { needs } = step;
      const again = await readAgain(needs);
      if (again.length < needs.length) return undefined;
      await this.#inTurns(fold, ref, options, () => fold.recall(again));
      step = await this.#inTurns(fold, ref, options, () => fold.project());
    }
    return { projection: step.projection };
  }

  #inTurns<T>(
    fold: AggregateFold<TEvent, TProjection>,
    ref: AggregateRef<TAggregateId>,
    { signal }: RebuildOptions,
    work: () => Generator<void, T>,
  ): Promise<T> {
    const about = {
      code: "HANDLER_FAILED",
      whose: "event handler",
      ref,
      eventCount: fold.eventCount,
    } as const;
    return guard(about, () => inTurns(work(), ref.tenantId, signal));
  }

  /** Everything between reading and writing; `null` without events. */
  async #fold(
    aggregateId: TAggregateId,
    stored: readonly TEvent[],
    options: RebuildOptions,
    revision: number,
  ): Promise<ProjectionRecord<TAggregateId, TProjection> | null> {
    const { eventHandler, serviceOptions } = this.#definition;
    const hooks = serviceOptions?.hooks;
    const ref: AggregateRef<TAggregateId> = { tenantId: options.eventStoreContext.tenantId, aggregateId };
    if (this.#startFold !== undefined && stored.length >= this.#minEvents) {
      const large = await this.#foldLarge(this.#startFold(aggregateId), stored, ref, options, revision);
      if (large !== undefined) return large;
    }
    const stream = createEventStream(aggregateId, stored, {
      ordering: serviceOptions?.ordering ?? "timestamp",
    });
    if (stream.metadata.count === 0) return null;

    const eventCount = stream.metadata.count;
    const guarded = <T>(code: GuardedCode, whose: string, call: () => T | Promise<T>) =>
      guard({ code, whose, ref, eventCount }, call);
    await guarded("HOOK_FAILED", "beforeHandle hook", () => hooks?.beforeHandle?.(stream, ref));
    const projection = await guarded("HANDLER_FAILED", "event handler", () =>
      settled(eventHandler.handle(stream)),
    );
    await guarded("HOOK_FAILED", "afterHandle hook", () => hooks?.afterHandle?.(stream, projection, ref));

    this.#foldedEvents.add(eventCount);
    const { acceptedSum } = stream.metadata;
    const metadata = buildProjectionMetadata(stream);
    return this.#recordOf(ref, projection, { eventCount, acceptedSum }, metadata, revision);
  }

  /** What `handle` gives, in steps, for a fold that comes in steps. `undefined` for one that asks for what is not there. */
  async #foldLarge(
    begun: EventFold<TEvent, TProjection>,
    stored: readonly TEvent[],
    ref: AggregateRef<TAggregateId>,
    options: RebuildOptions,
    revision: number,
  ): Promise<ProjectionRecord<TAggregateId, TProjection> | undefined> {
    if (begun.projectInSteps === undefined) return undefined;
    const fold = new AggregateFold(begun);
    const folded = await this.#projectOf(fold, stored, ref, options, async (needs) => {
      const wanted = new Set(needs);
      return stored.filter(({ id }) => wanted.has(id));
    });
    if (folded === undefined) return undefined;
    const { eventCount, acceptedSum } = fold;
    return this.#recordOf(ref, folded.projection, { eventCount, acceptedSum }, fold.metadata(), revision);
  }

  async #recordOf(
    ref: AggregateRef<TAggregateId>,
    projection: TProjection,
    { eventCount, acceptedSum }: { readonly eventCount: number; readonly acceptedSum: bigint },
    metadata: ProjectionMetadata,
    revision: number,
  ): Promise<ProjectionRecord<TAggregateId, TProjection>> {
    const { eventHandler, serviceOptions } = this.#definition;
    const handlerVersion = eventHandler.version ?? 1;
    const record: ProjectionRecord<TAggregateId, TProjection> = {
      aggregateId: ref.aggregateId,
      version: makeProjectionVersion({ eventCount, acceptedSum, handlerVersion, revision }),
      projection,
      metadata,
    };
    const added = await guard({ code: "HOOK_FAILED", whose: "beforePersist hook", ref, eventCount }, () =>
      serviceOptions?.hooks?.beforePersist?.(record, ref),
    );
    return added === undefined ? record : { ...record, metadata: { ...record.metadata, ...added } };
  }

  async #afterPersist(
    record: ProjectionRecord<TAggregateId, TProjection>,
    context: EventStoreContext,
  ): Promise<void> {
    const hooks = this.#definition.serviceOptions?.hooks;
    if (hooks?.afterPersist === undefined) return;
    const ref = { tenantId: context.tenantId, aggregateId: record.aggregateId };
    try {
      await hooks.afterPersist(record, ref);
    } catch (error) {
      trace.getActiveSpan()?.addEvent(events.hookFailed, { reason: String(error) });
      if (hooks.onHookError === undefined) this.#warn(error);
      else hooks.onHookError(error, ref);
    }
  }

  #traced<T>(name: string, aggregateId: TAggregateId, tenantId: TenantId, work: (span: Span) => Promise<T>) {
    const spanAttributes = { [attributes.tenantId]: tenantId, [attributes.aggregateId]: aggregateId };
    return withSpan(tracer, name, { attributes: spanAttributes }, work);
  }
}

/** What it takes to fold large aggregates from what changed. */
interface ChangeReads<TAggregateId extends string, TEvent extends Event, TProjection> {
  readonly kept: KeptFolds<AggregateFold<TEvent, TProjection>>;
  startFold(aggregateId: TAggregateId): EventFold<TEvent, TProjection>;
  readonly getChangedEvents: NonNullable<EventStore<TAggregateId, TEvent>["getChangedEvents"]>;
  readonly getEventsById: NonNullable<EventStore<TAggregateId, TEvent>["getEventsById"]>;
}

function keptFoldsOf<TAggregateId extends string, TEvent extends Event, TProjection>({
  serviceOptions: { keptFolds } = {},
}: EventSourcingServiceDefinition<TAggregateId, TEvent, TProjection>):
  | KeptFolds<AggregateFold<TEvent, TProjection>>
  | undefined {
  return keptFolds === false ? undefined : new KeptFolds(keptFolds);
}

function startFoldOf<TAggregateId extends string, TEvent extends Event, TProjection>({
  eventHandler,
  serviceOptions: { hooks, ordering = "timestamp" } = {},
}: EventSourcingServiceDefinition<TAggregateId, TEvent, TProjection>) {
  if (hooks?.beforeHandle !== undefined || hooks?.afterHandle !== undefined) return undefined;
  return ordering === "timestamp" ? eventHandler.startFold?.bind(eventHandler) : undefined;
}

function changeReadsOf<TAggregateId extends string, TEvent extends Event, TProjection>(
  { eventStore }: EventSourcingServiceDefinition<TAggregateId, TEvent, TProjection>,
  kept: KeptFolds<AggregateFold<TEvent, TProjection>>,
  startFold: ((aggregateId: TAggregateId) => EventFold<TEvent, TProjection>) | undefined,
): ChangeReads<TAggregateId, TEvent, TProjection> | undefined {
  if (startFold === undefined) return undefined;
  if (eventStore.getChangedEvents === undefined || eventStore.getEventsById === undefined) return undefined;
  return {
    kept,
    startFold,
    getChangedEvents: eventStore.getChangedEvents.bind(eventStore),
    getEventsById: eventStore.getEventsById.bind(eventStore),
  };
}

function batchSizeOf({ batchSize = 100 }: { readonly batchSize?: number }): number {
  return wholeNumber("batchSize", batchSize, 1);
}

/** Refuses early what every rebuild would fail by. @throws EventSourcingError `INVALID_OPTIONS` */
function assertEventHandler<TEvent extends Event>(
  eventHandler: Pick<EventHandler<string, TEvent, unknown>, "version" | "handle">,
): void {
  if (typeof eventHandler?.handle !== "function") {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      "eventHandler must be an object with a function `handle`.",
    );
  }
  if (eventHandler.version !== undefined) assertHandlerVersion(eventHandler.version);
  assertSynchronous(eventHandler.handle);
}

/** How often what is stored was forced, also if it cannot be decoded; 0 if nothing is. */
function revisionOf(stored: ProjectionRead): number {
  if (stored.status === "absent") return 0;
  const version = stored.status === "found" ? stored.record.version : stored.version;
  return readProjectionVersion(version).revision;
}

type GuardedCode = "HOOK_FAILED" | "HANDLER_FAILED";

interface Guarded {
  readonly code: GuardedCode;
  readonly whose: string;
  readonly ref: AggregateRef;
  readonly eventCount: number;
}

/** Calls code that is not ours, and says whose it was, and over how many events, if it throws. */
async function guard<T>({ code, whose, ref, eventCount }: Guarded, call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isEventSourcingError(error, "ABORTED")) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new EventSourcingError(
      code,
      `The ${whose} threw for aggregate ${JSON.stringify(ref.aggregateId)}: ${reason}`,
      {
        cause: error,
        fields: { tenantId: ref.tenantId, aggregateId: ref.aggregateId, eventCount },
        ...(code === "HOOK_FAILED" && isEventSourcingError(error) ? { errorClass: error.errorClass } : {}),
      },
    );
  }
}

/** The counts of one batch rebuild. */
class BatchRun<TAggregateId extends string> {
  rebuilt = 0;
  empty = 0;
  #failed = 0;
  #sinceReport: RebuildFailure<TAggregateId>[] = [];
  readonly #kept: RebuildFailure<TAggregateId>[] = [];
  readonly #options: RebuildManyOptions<TAggregateId>;

  constructor(options: RebuildManyOptions<TAggregateId>) {
    this.#options = options;
  }

  /** Counts a failure of this one aggregate; anything else, an engine that is down say, ends the batch. */
  fail(aggregateId: TAggregateId, error: unknown): void {
    if (!isEventSourcingError(error) || error.retryable) throw error;
    this.#failed++;
    const failure = { aggregateId, error };
    this.#sinceReport.push(failure);
    if (this.#kept.length < KEPT_FAILURES) this.#kept.push(failure);
  }

  throwIfAborted(): void {
    if (this.#options.signal?.aborted === true) {
      throw new EventSourcingError("ABORTED", "The rebuild was aborted between two batches.", {
        cause: this.#options.signal.reason,
      });
    }
  }

  async report(cursor: string | null): Promise<void> {
    const failures = this.#sinceReport;
    this.#sinceReport = [];
    const { rebuilt, empty } = this;
    await this.#options.onProgress?.({ rebuilt, empty, failed: this.#failed, failures, cursor });
  }

  finish(span: Span): RebuildSummary<TAggregateId> {
    span.setAttribute(attributes.aggregateCount, this.rebuilt + this.empty + this.#failed);
    return { rebuilt: this.rebuilt, empty: this.empty, failed: this.#failed, failures: this.#kept };
  }
}

async function* batchesOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
  size: number,
): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length >= size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Whether a read failed by what is stored of one aggregate, which others are not to suffer from. */
function isFaultOfOne(error: unknown): error is EventSourcingError {
  return (
    isEventSourcingError(error, "EVENT_UNDECODABLE") || isEventSourcingError(error, "AGGREGATE_TOO_LARGE")
  );
}
