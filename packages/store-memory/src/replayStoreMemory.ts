import { EventSourcingError, type Page, type PageOptions } from "@es/core";
import { compareIds, decodeCursor, encodeCursor, pageLimit } from "@es/core/adapter";
import {
  isReplayOpen,
  type Replay,
  type ReplayControl,
  type ReplayDefinition,
  type ReplayProgress,
  type ReplayStore,
} from "@es/processing";

/** Replays for tests, examples and embedded use: it forgets everything when the process ends. */
export class ReplayStoreMemory<TAggregateId extends string = string> implements ReplayStore<TAggregateId> {
  readonly #replays = new Map<string, Replay<TAggregateId>>();

  async createReplay(definition: ReplayDefinition<TAggregateId>, control: ReplayControl): Promise<void> {
    this.#replays.set(definition.id, structuredClone({ definition, control, progress: null }));
  }

  async getReplay(id: string): Promise<Replay<TAggregateId> | null> {
    return structuredClone(this.#replays.get(id) ?? null);
  }

  async listReplays(options?: PageOptions): Promise<Page<Replay<TAggregateId>>> {
    const limit = pageLimit(options);
    const before = options?.cursor === undefined ? undefined : decodeCursor(options.cursor);
    const rest = [...this.#replays.keys()]
      .filter((id) => before === undefined || compareIds(id, before) < 0)
      .sort(compareIds)
      .reverse();
    const items = rest.slice(0, limit).map((id) => this.#replay(id));
    const last = items.at(-1);
    return {
      items: structuredClone(items),
      nextCursor: rest.length > limit && last !== undefined ? encodeCursor(last.definition.id) : null,
    };
  }

  async listOpenReplayIds(): Promise<readonly string[]> {
    return [...this.#replays.values()]
      .filter(isReplayOpen)
      .map(({ definition }) => definition.id)
      .sort(compareIds);
  }

  async storeControl(id: string, control: ReplayControl): Promise<void> {
    const replay = this.#replay(id);
    if (control.revision >= replay.control.revision) {
      this.#replays.set(id, { ...replay, control: structuredClone(control) });
    }
  }

  async storeProgress(id: string, progress: ReplayProgress): Promise<void> {
    const replay = this.#replay(id);
    if (progress.revision >= (replay.progress?.revision ?? 0)) {
      this.#replays.set(id, { ...replay, progress: structuredClone(progress) });
    }
  }

  #replay(id: string): Replay<TAggregateId> {
    const replay = this.#replays.get(id);
    if (replay !== undefined) return replay;
    throw new EventSourcingError("STORE_REJECTED", `There is no replay ${JSON.stringify(id)}.`);
  }
}
