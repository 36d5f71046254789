import { getHeapStatistics } from "node:v8";

/**
 * The part of this process's heap limit, in bytes: 4 for a quarter. The limit is what `--max-old-space-size` says, or what
 * Node.js chooses by the memory of the machine or container.
 */
export function heapShare(part: number): number {
  return Math.floor(getHeapStatistics().heap_size_limit / part);
}
