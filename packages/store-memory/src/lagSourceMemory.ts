import { type Event, type Page, readProjectionVersion, type TenantId } from "@es/core";
import { compareIds, decodeRefCursor, encodeRefCursor, pageLimit, wholeNumber } from "@es/core/adapter";
import type { LaggingAggregate, LagSource, ListLaggingOptions } from "@es/processing";
import type { EventStoreMemory } from "./eventStoreMemory.js";
import type { ProjectionStoreMemory } from "./projectionStoreMemory.js";

const NANOS_PER_MS = 1_000_000n;

/** The `LagSource` of two memory stores. Every page compares everything. */
export class LagSourceMemory<TEvent extends Event = Event> implements LagSource {
  readonly #eventStore: Pick<EventStoreMemory<TEvent>, "listTenantIds" | "listAggregateIds" | "getEvents">;
  readonly #projectionStore: Pick<ProjectionStoreMemory<unknown>, "getProjection">;

  constructor(stores: {
    readonly eventStore: Pick<EventStoreMemory<TEvent>, "listTenantIds" | "listAggregateIds" | "getEvents">;
    readonly projectionStore: Pick<ProjectionStoreMemory<unknown>, "getProjection">;
  }) {
    this.#eventStore = stores.eventStore;
    this.#projectionStore = stores.projectionStore;
  }

  async listLagging(options: ListLaggingOptions = {}): Promise<Page<LaggingAggregate>> {
    const limit = pageLimit(options);
    const after = options.cursor === undefined ? undefined : placeOf(...decodeRefCursor(options.cursor));
    const found: LaggingAggregate[] = [];
    for (const tenantId of this.#eventStore.listTenantIds()) {
      for (const aggregateId of await this.#idsOf(tenantId)) {
        const lagging = await this.#compare(tenantId, aggregateId, options);
        if (
          lagging !== null &&
          (after === undefined || compareIds(placeOf(tenantId, aggregateId), after) > 0)
        )
          found.push(lagging);
      }
    }
    found.sort((a, b) => compareIds(placeOf(a.tenantId, a.aggregateId), placeOf(b.tenantId, b.aggregateId)));
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return {
      items,
      nextCursor: found.length > limit && last !== undefined ? encodeRefCursor(last) : null,
    };
  }

  async #idsOf(tenantId: TenantId): Promise<readonly string[]> {
    const page = await this.#eventStore.listAggregateIds({ tenantId }, { limit: Number.MAX_SAFE_INTEGER });
    return page.items;
  }

  async #compare(
    tenantId: TenantId,
    aggregateId: string,
    { acceptedWithinMs, graceMs = 0 }: ListLaggingOptions,
  ): Promise<LaggingAggregate | null> {
    const grace = wholeNumber("graceMs", graceMs, 0);
    const events = await this.#eventStore.getEvents(aggregateId, { tenantId });
    const read = await this.#projectionStore.getProjection(aggregateId, { tenantId });
    const projected =
      read.status === "found"
        ? readProjectionVersion(read.record.version)
        : { eventCount: 0, acceptedSum: 0n };
    const stamps = events.map(({ acceptedAt }) => acceptedAt).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const sum = stamps.reduce((total, stamp) => total + stamp, 0n);
    const more = events.length > projected.eventCount;
    if (!more && !(events.length === projected.eventCount && sum > projected.acceptedSum)) return null;

    const now = BigInt(Date.now()) * NANOS_PER_MS;
    const newest = stamps.at(-1) ?? 0n;
    if (acceptedWithinMs !== undefined) {
      const within = BigInt(wholeNumber("acceptedWithinMs", acceptedWithinMs, 0));
      if (newest < now - within * NANOS_PER_MS) return null;
    }
    const laggingSince = (more ? stamps[projected.eventCount] : newest) ?? 0n;
    const ageMs = Number((now - laggingSince) / NANOS_PER_MS);
    if (Math.abs(ageMs) < grace) return null;
    return {
      tenantId,
      aggregateId,
      storedEvents: events.length,
      projectedEvents: projected.eventCount,
      laggingSince,
      lagMs: Math.max(0, ageMs),
    };
  }
}

/** Ordered by tenant, then by id: a tenant id holds no NUL. */
function placeOf(tenantId: string, aggregateId: string): string {
  return `${tenantId}\0${aggregateId}`;
}
