import type { AggregateSelection, Page, PageOptions } from "@es/core";
import { assertAggregateId, EventSourcingError, parseTenantId } from "@es/core";
import { finiteNumber } from "@es/core/adapter";
import { type Replay, type ReplayControl, replayState } from "./replay.js";
import type { ReplayStore } from "./replayStore.js";

/** Leaves most of a small machine to live traffic. Aggregates per second. */
export const DEFAULT_REPLAY_RATE = 200;

/** Ids a selection may list. */
export const MAX_REPLAY_IDS = 1_000;
/** Of all listed ids together, in characters: they are read with every report of the progress. */
const MAX_REPLAY_IDS_LENGTH = 262_144;

export interface ReplayRequest<TAggregateId extends string = string> {
  /** @default all aggregates of all tenants */
  readonly selection?: AggregateSelection<TAggregateId>;
  /** Aggregates per second; `null` for no limit. @default 200 */
  readonly ratePerSecond?: number | null;
  /** Replace projections although nothing changed. @default false */
  readonly force?: boolean;
}

export interface ReplayChange {
  /** @default unchanged */
  readonly ratePerSecond?: number | null;
}

export interface ReplaysOptions {
  /** Unix milliseconds; replaceable for tests. */
  readonly now?: () => number;
}

/**
 * What operators do with replays. Runners see a change within a page; of two changes made at the same moment one may be
 * lost, so every call gives the replay as it is afterwards.
 *
 * Calls reject with `EventSourcingError`: `INVALID_OPTIONS`, `INVALID_AGGREGATE_ID`, `INVALID_TENANT_ID`, `REPLAY_ENDED`, and
 * as the store does.
 */
export class Replays<TAggregateId extends string = string> {
  readonly #store: ReplayStore<TAggregateId>;
  readonly #now: () => number;

  constructor(store: ReplayStore<TAggregateId>, { now = Date.now }: ReplaysOptions = {}) {
    this.#store = store;
    this.#now = now;
  }

  /** A runner takes it up by itself, and so does another after a crash. */
  async start(request: ReplayRequest<TAggregateId> = {}): Promise<Replay<TAggregateId>> {
    const { selection = {}, ratePerSecond = DEFAULT_REPLAY_RATE, force = false } = request;
    assertSelection(selection);
    assertRate(ratePerSecond);
    const createdAt = this.#now();
    const definition = { id: newReplayId(createdAt), selection, force, createdAt };
    const control: ReplayControl = { revision: 1, desired: "running", ratePerSecond };
    await this.#store.createReplay(definition, control);
    return { definition, control, progress: null };
  }

  get(id: string): Promise<Replay<TAggregateId> | null> {
    return this.#store.getReplay(id);
  }

  /** Newest first. */
  list(options?: PageOptions): Promise<Page<Replay<TAggregateId>>> {
    return this.#store.listReplays(options);
  }

  /** It stops after the current page, and stays where it is. `null` for an unknown id. */
  pause(id: string): Promise<Replay<TAggregateId> | null> {
    return this.#change(id, "paused", {});
  }

  /** Goes on after the last page that was done, also after a failure; or changes the rate of one that runs. */
  async resume(id: string, change: ReplayChange = {}): Promise<Replay<TAggregateId> | null> {
    if (change.ratePerSecond !== undefined) assertRate(change.ratePerSecond);
    return this.#change(id, "running", change);
  }

  /** It stops after the current page, for good. What was rebuilt stays. */
  cancel(id: string): Promise<Replay<TAggregateId> | null> {
    return this.#change(id, "cancelled", {});
  }

  async #change(
    id: string,
    desired: ReplayControl["desired"],
    { ratePerSecond }: ReplayChange,
  ): Promise<Replay<TAggregateId> | null> {
    const replay = await this.#store.getReplay(id);
    if (replay === null) return null;
    const state = replayState(replay);
    if (state === "done" || state === "cancelled") {
      if (state === desired) return replay;
      throw new EventSourcingError("REPLAY_ENDED", `Replay ${id} is ${state}: start a new one.`, {
        fields: { replayId: id, state },
      });
    }
    const { control } = replay;
    await this.#store.storeControl(id, {
      revision: control.revision + 1,
      desired,
      ratePerSecond: ratePerSecond === undefined ? control.ratePerSecond : ratePerSecond,
    });
    return this.#store.getReplay(id);
  }
}

/** `20260131T120000000Z-1f9a3c0b`: sorts by creation, and a double click selects it. */
function newReplayId(createdAt: number): string {
  const time = new Date(createdAt).toISOString().replace(/[-:.]/g, "");
  return `${time}-${globalThis.crypto.randomUUID().slice(0, 8)}`;
}

function assertRate(ratePerSecond: number | null): void {
  if (ratePerSecond !== null) finiteNumber("ratePerSecond", ratePerSecond, { aboveZero: true });
}

function assertSelection({ tenantId, aggregateIds, acceptedFrom, acceptedTo }: AggregateSelection): void {
  if (tenantId !== undefined) parseTenantId(tenantId);
  if (acceptedFrom !== undefined && acceptedTo !== undefined && acceptedFrom >= acceptedTo) {
    throw new EventSourcingError("INVALID_OPTIONS", "The accepted range ends before it begins.");
  }
  if (aggregateIds === undefined) return;
  aggregateIds.forEach(assertAggregateId);
  const length = aggregateIds.reduce((sum, id) => sum + id.length, 0);
  if (aggregateIds.length < 1 || aggregateIds.length > MAX_REPLAY_IDS || length > MAX_REPLAY_IDS_LENGTH) {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `A replay lists 1 to ${MAX_REPLAY_IDS} ids of at most ${MAX_REPLAY_IDS_LENGTH} characters in all, ` +
        `got ${aggregateIds.length} of ${length}.`,
    );
  }
}
