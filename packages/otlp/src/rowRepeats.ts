import { OtlpDecodeError } from "./decodeError.js";
import type { SpanPath } from "./decodeReport.js";

/** Rows may repeat so many bytes of resources and scopes for each byte of their request, */
const REPEATED_PER_BYTE = 4;
/** and so many beside: a resource of a few KB with 10 000 small spans. */
const REPEATED_BESIDE = 64 * 2 ** 20;
/** Bytes that are asked for at once. */
const CHUNK_BYTES = 2 ** 20;
/** Rows that repeat more are prepared for one by one. */
const LARGE_BYTES = 16 * 1024;

/** Bytes of resources and scopes that the rows of a request of `byteLength` bytes may repeat, unless it is said otherwise. */
export function defaultMaxRepeatedBytes(byteLength: number): number {
  return REPEATED_PER_BYTE * byteLength + REPEATED_BESIDE;
}

export interface RowRepeatsOptions {
  /** Limits the bytes that all rows of the request may repeat. */
  readonly limit: number;
  /** Bytes that `take` is not asked for: the size of the request itself. */
  readonly free: number;
  /** Called before rows repeat more; throws if they may not. */
  readonly take?: ((bytes: number) => void) | undefined;
}

/** Limits of one request. */
export interface DecodeLimits {
  readonly maxItems: number;
  readonly repeats: RowRepeatsOptions;
}

/** The sizes of a resource and a scope as they were sent. */
export interface GroupSizes {
  resourceBytes: number;
  scopeBytes: number;
}

/**
 * Counts the bytes of resources and scopes that are stored with each of their spans, but for the first: a request of 2 MB could
 * become rows of 10 GB. It refuses the request before a row passes the limit.
 */
export class RowRepeats {
  /** Whether the next row of the group needs no more than {@link addRow}. */
  isOpen = false;
  /** Bytes that each row of the group repeats. */
  rowBytes = 0;
  readonly #options: RowRepeatsOptions;
  readonly #path: SpanPath;
  #sizes: GroupSizes = { resourceBytes: 0, scopeBytes: 0 };
  #bytes = 0;
  /** Free, or taken. */
  #covered: number;

  /** @param path where the decoder is */
  constructor(options: RowRepeatsOptions, path: SpanPath) {
    this.#options = options;
    this.#path = path;
    this.#covered = Math.min(options.free, options.limit);
  }

  /** The first row of a group. */
  open(sizes: GroupSizes, rowBytes: number): void {
    this.#sizes = sizes;
    this.rowBytes = rowBytes;
    this.isOpen = rowBytes <= LARGE_BYTES;
  }

  /** Another row of the group. @throws OtlpDecodeError `too_many_repeats`, and what `take` throws */
  addRow(): void {
    this.#bytes += this.rowBytes;
    if (this.#bytes > this.#covered) this.#cover();
  }

  /** Rows whose resource or scope was not known before. @throws OtlpDecodeError `too_many_repeats`, and what `take` throws */
  addRows(count: number, sizes: GroupSizes, rowBytes: number): void {
    if (count <= 0) return;
    this.#sizes = sizes;
    this.#bytes += count * rowBytes;
    if (this.#bytes > this.#covered) this.#cover();
  }

  #cover(): void {
    const { limit, take } = this.#options;
    if (this.#bytes > limit) throw this.#tooMany(limit);
    const until = Math.min(limit, Math.max(this.#bytes, this.#covered + CHUNK_BYTES));
    take?.(until - this.#covered);
    this.#covered = until;
  }

  #tooMany(limit: number): OtlpDecodeError {
    const { resource, scope } = this.#path;
    const { resourceBytes, scopeBytes } = this.#sizes;
    return new OtlpDecodeError(
      "too_many_repeats",
      `The resource of resourceSpans[${resource}] has ${resourceBytes} bytes and the scope of its scopeSpans[${Math.max(0, scope)}] ` +
        `has ${scopeBytes}. Both are stored with each of their spans: the rows of this request would repeat more than ` +
        `${limit} bytes of resources and scopes, which is the limit. Put large values on one span, or send smaller batches.`,
    );
  }
}
