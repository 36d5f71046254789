import type { SlicingBuffer } from "./slicingBuffer.js";

/** Longer strings are rarely repeated, and cost more to compare than to decode. */
export const MAX_CACHED_LENGTH = 32;

const SLOTS = 4096;
const bytes = new Uint8Array(SLOTS * MAX_CACHED_LENGTH);
const lengths = new Uint8Array(SLOTS);
const strings: string[] = new Array<string>(SLOTS).fill("");

/**
 * The string of `length` (1 to 32) UTF-8 bytes. Attribute keys and short values come in every span: comparing bytes with
 * the last string of the same hash is several times cheaper than a call into the runtime and a new string each time.
 * A newer string simply takes the slot, so the cache holds at most 4096 short strings.
 */
export function cachedString(buffer: SlicingBuffer, start: number, length: number): string {
  const end = start + length;
  let hash = length;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + buffer[i]!;
  const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
  const offset = slot * MAX_CACHED_LENGTH;
  if (lengths[slot] === length) {
    let i = 0;
    while (i < length && bytes[offset + i] === buffer[start + i]) i++;
    if (i === length) return strings[slot]!;
  }
  const string = buffer.utf8Slice(start, end);
  for (let i = 0; i < length; i++) bytes[offset + i] = buffer[start + i]!;
  lengths[slot] = length;
  strings[slot] = string;
  return string;
}
