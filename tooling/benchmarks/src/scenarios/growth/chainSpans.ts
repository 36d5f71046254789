import type { OtlpSpan } from "@es/otlp";
import { genAiTraces } from "../../load/genAiTraces.js";

const TURN = 100;

/**
 * Spans number `from` and on of one long trace: the first is the agent above all others, which follow in the order of their
 * numbers.
 */
export function chainSpans(traceId: string, from: number, count: number): readonly OtlpSpan[] {
  const templates = genAiTraces({ traces: 1, spansPerTrace: TURN, seed: 1 });
  const root = idOf(0);
  return Array.from({ length: count }, (_, index): OtlpSpan => {
    const number = from + index;
    // The agent's span is the first of a turn: later turns go on without one.
    const template = templates[number === 0 ? 0 : 1 + (number % (TURN - 1))] as OtlpSpan;
    const start = 1_790_000_000_000_000_000n + BigInt(number) * 1_000_000n;
    return {
      ...template,
      traceId,
      spanId: idOf(number),
      parentSpanId: number === 0 ? "" : root,
      startTimeUnixNano: start,
      endTimeUnixNano: start + 900_000n,
      events: template.events.map((event) => ({ ...event, timeUnixNano: start + 300_000n })),
    };
  });
}

function idOf(number: number): string {
  return (number + 1).toString(16).padStart(16, "0");
}
