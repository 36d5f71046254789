import type { Page, PageOptions } from "@es/core";
import type { Replay, ReplayControl, ReplayDefinition, ReplayProgress } from "./replay.js";

/**
 * Keeps the replays of one kind of projection. Operators and runners write different parts, so that none undoes what the
 * other wrote.
 *
 * Guarantees of every implementation:
 * - when a call that writes resolves, every later read sees what it wrote, or a greater revision of the same part;
 * - a smaller revision never replaces a greater, whatever the order of the calls; of two equal ones either may stay.
 *
 * Calls reject with `EventSourcingError`, as `EventStore`'s do.
 */
export interface ReplayStore<TAggregateId extends string = string> {
  /** The id has to be new. */
  createReplay(definition: ReplayDefinition<TAggregateId>, control: ReplayControl): Promise<void>;

  getReplay(id: string): Promise<Replay<TAggregateId> | null>;

  /** Newest first: by id, descending. */
  listReplays(options?: PageOptions): Promise<Page<Replay<TAggregateId>>>;

  /** Those for which `isReplayOpen` is true, oldest first. Cheap, also after many replays. */
  listOpenReplayIds(): Promise<readonly string[]>;

  /** Of a replay that was created. */
  storeControl(id: string, control: ReplayControl): Promise<void>;

  /** Of a replay that was created. */
  storeProgress(id: string, progress: ReplayProgress): Promise<void>;
}
