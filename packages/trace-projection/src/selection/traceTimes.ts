import type { OtlpSpan } from "@es/otlp";

/**
 * Zero means unknown and is left out. Where no start, or no end, is known at all, the known instants stand in; without
 * any the trace starts and ends at 0.
 */
export function timesOf(spans: readonly OtlpSpan[]) {
  let minStart: bigint | undefined;
  let maxStart: bigint | undefined;
  let minEnd: bigint | undefined;
  let maxEnd: bigint | undefined;
  let negativeDurations = 0;
  let zeroTimestamps = 0;
  for (const { startTimeUnixNano: start, endTimeUnixNano: end } of spans) {
    if (start === 0n || end === 0n) zeroTimestamps++;
    else if (end < start) negativeDurations++;
    if (start !== 0n) {
      if (minStart === undefined || start < minStart) minStart = start;
      if (maxStart === undefined || start > maxStart) maxStart = start;
    }
    if (end !== 0n) {
      if (minEnd === undefined || end < minEnd) minEnd = end;
      if (maxEnd === undefined || end > maxEnd) maxEnd = end;
    }
  }
  return {
    start: minStart ?? minEnd ?? 0n,
    end: maxEnd ?? maxStart ?? 0n,
    flags: { negativeDurations, zeroTimestamps },
  };
}
