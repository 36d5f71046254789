/** So many chunks are kept as they came; most bodies have fewer. */
const KEPT_AS_THEY_COME = 16;
/** Beyond them, chunks of fewer bytes are copied together: each buffer takes hundreds of bytes besides its own. */
const SMALL_BYTES = 4_096;
const BLOCK_BYTES = 64 * 1024;

/** The chunks of a body, held in little more than their own bytes however small they are. */
export class BodyChunks {
  #chunks: Buffer[] = [];
  #block: Buffer | undefined;
  #blockLength = 0;
  #length = 0;

  /** Bytes of all chunks. */
  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer): void {
    this.#length += chunk.length;
    if (chunk.length >= SMALL_BYTES || this.#chunks.length < KEPT_AS_THEY_COME) {
      this.#endBlock();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#block !== undefined && this.#blockLength + chunk.length > this.#block.length) this.#endBlock();
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#block.set(chunk, this.#blockLength);
    this.#blockLength += chunk.length;
  }

  /** Gives all chunks in their order, and forgets them. */
  take(): readonly Buffer[] {
    this.#endBlock();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#length = 0;
    return chunks;
  }

  #endBlock(): void {
    if (this.#block === undefined) return;
    this.#chunks.push(this.#block.subarray(0, this.#blockLength));
    this.#block = undefined;
    this.#blockLength = 0;
  }
}
