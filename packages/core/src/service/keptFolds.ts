import { getHeapStatistics } from "node:v8";
import { wholeNumber } from "../adapter/wholeNumber.js";
import { type AggregateRef, aggregateRefKey } from "../events/aggregateRef.js";

export interface KeptFoldsOptions {
  /** Folds of aggregates with fewer events are not kept: reading all of them costs about the same. @default 512 */
  readonly minEvents?: number;
  /**
   * Limits the estimated bytes of all kept folds of a service. Beyond it the least recently used folds are dropped.
   * @default 256 MiB, or an eighth of V8's heap limit where that is less
   */
  readonly maxBytes?: number;
}

const MOST_BYTES = 256 * 2 ** 20;
const PART_OF_HEAP = 8;

/** Returns the default of `maxBytes`, in bytes. `--max-old-space-size` sets the heap limit. */
export function keptFoldsBytes(heapLimitBytes: number): number {
  return Math.min(MOST_BYTES, Math.floor(heapLimitBytes / PART_OF_HEAP));
}

export const defaultKeptFolds: Required<KeptFoldsOptions> = {
  minEvents: 512,
  maxBytes: keptFoldsBytes(getHeapStatistics().heap_size_limit),
};

interface Keepable {
  /** About how much it holds. Does not change while it is kept. */
  readonly bytes: number;
}

/**
 * Folds between rebuilds, of one process. Losing one costs a read of everything and nothing else.
 *
 * One that is in use is not here: of two rebuilds of an aggregate at once only one continues it.
 */
export class KeptFolds<TFold extends Keepable> {
  readonly minEvents: number;
  readonly #maxBytes: number;
  readonly #folds = new Map<string, TFold>();
  #bytes = 0;

  constructor(options: KeptFoldsOptions = {}) {
    this.minEvents = wholeNumber("minEvents", options.minEvents ?? defaultKeptFolds.minEvents, 1);
    this.#maxBytes = wholeNumber("maxBytes", options.maxBytes ?? defaultKeptFolds.maxBytes, 0);
  }

  take(ref: AggregateRef): TFold | undefined {
    const key = aggregateRefKey(ref);
    const fold = this.#folds.get(key);
    if (fold !== undefined) this.#drop(key, fold);
    return fold;
  }

  keep(ref: AggregateRef, fold: TFold): void {
    this.take(ref);
    if (fold.bytes > this.#maxBytes) return;
    for (const [oldest, other] of this.#folds) {
      if (this.#bytes + fold.bytes <= this.#maxBytes) break;
      this.#drop(oldest, other);
    }
    this.#folds.set(aggregateRefKey(ref), fold);
    this.#bytes += fold.bytes;
  }

  #drop(key: string, fold: TFold): void {
    this.#folds.delete(key);
    this.#bytes -= fold.bytes;
  }
}
