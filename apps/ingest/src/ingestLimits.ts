import { getHeapStatistics } from "node:v8";
import type { IngestConfig } from "./config.js";

const MOST_BODY_BYTES = 64_000_000;
const MOST_INFLIGHT_BYTES = 256_000_000;
/** Spans that are decoded take up to so many times their bytes of the heap. */
const HEAP_PER_BYTE = 8;

export interface IngestLimits {
  readonly maxBodyBytes: number;
  readonly maxInFlightBytes: number;
}

/** What is set, and otherwise as much as the heap can hold: `--max-old-space-size` lowers both. */
export function ingestLimits(
  config: Pick<IngestConfig, "INGEST_MAX_BODY_BYTES" | "INGEST_MAX_INFLIGHT_BYTES">,
  heapLimitBytes = getHeapStatistics().heap_size_limit,
): IngestLimits {
  const fromHeap = Math.floor(heapLimitBytes / HEAP_PER_BYTE);
  const inFlight = config.INGEST_MAX_INFLIGHT_BYTES;
  const maxBodyBytes =
    config.INGEST_MAX_BODY_BYTES ?? Math.min(MOST_BODY_BYTES, inFlight ?? fromHeap, fromHeap);
  return {
    maxBodyBytes,
    maxInFlightBytes: inFlight ?? Math.max(maxBodyBytes, Math.min(MOST_INFLIGHT_BYTES, fromHeap)),
  };
}
