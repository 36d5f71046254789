import type { OtlpSpan } from "@es/otlp";

/** Where one end of the trace's time was found. */
export interface FoundTime {
  readonly span: OtlpSpan;
  readonly key: "startTimeUnixNano" | "endTimeUnixNano";
  readonly ruleId: "time.earliest-start" | "time.latest-end" | "time.earliest-end" | "time.latest-start";
}

export interface TraceTimes {
  readonly start: bigint;
  readonly end: bigint;
  readonly startFrom: FoundTime | undefined;
  readonly endFrom: FoundTime | undefined;
  readonly flags: { readonly negativeDurations: number; readonly zeroTimestamps: number };
}

/**
 * Zero means unknown and is left out. Where no start, or no end, is known at all, the known instants stand in; without
 * any the trace starts and ends at 0. Of equal times the first span's is taken.
 */
export function timesOf(spans: readonly OtlpSpan[]): TraceTimes {
  let minStart: OtlpSpan | undefined;
  let maxStart: OtlpSpan | undefined;
  let minEnd: OtlpSpan | undefined;
  let maxEnd: OtlpSpan | undefined;
  let negativeDurations = 0;
  let zeroTimestamps = 0;
  for (const span of spans) {
    const { startTimeUnixNano: start, endTimeUnixNano: end } = span;
    if (start === 0n || end === 0n) zeroTimestamps++;
    else if (end < start) negativeDurations++;
    if (start !== 0n) {
      if (minStart === undefined || start < minStart.startTimeUnixNano) minStart = span;
      if (maxStart === undefined || start > maxStart.startTimeUnixNano) maxStart = span;
    }
    if (end !== 0n) {
      if (minEnd === undefined || end < minEnd.endTimeUnixNano) minEnd = span;
      if (maxEnd === undefined || end > maxEnd.endTimeUnixNano) maxEnd = span;
    }
  }
  const startFrom =
    found(minStart, "startTimeUnixNano", "time.earliest-start") ??
    found(minEnd, "endTimeUnixNano", "time.earliest-end");
  const endFrom =
    found(maxEnd, "endTimeUnixNano", "time.latest-end") ??
    found(maxStart, "startTimeUnixNano", "time.latest-start");
  return {
    start: startFrom?.span[startFrom.key] ?? 0n,
    end: endFrom?.span[endFrom.key] ?? 0n,
    startFrom,
    endFrom,
    flags: { negativeDurations, zeroTimestamps },
  };
}

function found(
  span: OtlpSpan | undefined,
  key: FoundTime["key"],
  ruleId: FoundTime["ruleId"],
): FoundTime | undefined {
  return span === undefined ? undefined : { span, key, ruleId };
}
