/** Larger bodies get memory of their own. */
const MAX_KEPT_BYTES = 4 * 2 ** 20;
const MAX_KEPT = 8;
const UNIT_BYTES = 64 * 1024;

/** A body in one piece. */
export interface JoinedBody {
  readonly bytes: Buffer;
  /** To be called once nobody reads `bytes` any more. */
  free(): void;
}

const nothingToFree = (): void => {};

/**
 * Joins the chunks of bodies in memory that is used again. Fresh memory for each would make the garbage collector look through
 * the whole heap every few requests, for it counts what buffers hold.
 */
export class BodyMemory {
  readonly #kept: Buffer[] = [];

  join(chunks: readonly Buffer[], length: number): JoinedBody {
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) return { bytes: only, free: nothingToFree };
    if (length > MAX_KEPT_BYTES) return { bytes: Buffer.concat(chunks, length), free: nothingToFree };
    const memory = this.#take(length);
    let at = 0;
    for (const chunk of chunks) {
      memory.set(chunk, at);
      at += chunk.length;
    }
    let isFree = false;
    return {
      bytes: memory.subarray(0, length),
      free: () => {
        if (isFree) return;
        isFree = true;
        this.#keep(memory);
      },
    };
  }

  #take(length: number): Buffer {
    const place = this.#kept.findIndex((memory) => memory.length >= length);
    if (place >= 0) return this.#kept.splice(place, 1)[0] as Buffer;
    return Buffer.allocUnsafeSlow(Math.max(1, Math.ceil(length / UNIT_BYTES)) * UNIT_BYTES);
  }

  /** The smallest first; where there are too many it goes. */
  #keep(memory: Buffer): void {
    const place = this.#kept.findIndex(({ length }) => length >= memory.length);
    this.#kept.splice(place < 0 ? this.#kept.length : place, 0, memory);
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
  }
}
