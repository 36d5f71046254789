import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeTraceRequest } from "@es/otlp";
import { createSpanEvent, type SpanEvent } from "@es/trace-projection";
import { inRepository } from "../../harness/repository.js";

/** The events of one trace. */
export type RecordedTrace = readonly SpanEvent[];

/** Whose attributes the folders of recorded requests are full of. */
const conventions: Readonly<Record<string, readonly string[]>> = {
  "OTel GenAI": ["elastic", "openlit", "otel", "strands"],
  "Vercel AI SDK": ["ai-4", "ai-5", "ai-6", "ai-7"],
  OpenInference: ["openinference"],
  OpenLLMetry: ["traceloop"],
  Langfuse: ["langfuse", "langfuse-4"],
  LangWatch: ["langwatch"],
  LangSmith: ["langsmith"],
  Mastra: ["mastra"],
  Logfire: ["logfire"],
  "Google ADK": ["google-adk"],
  Genkit: ["genkit"],
  VoltAgent: ["voltagent"],
  "Claude Code": ["claude-code"],
};

/** What real SDKs sent, by convention: the traces that the conformance tests replay. */
export function recordedTraces(): ReadonlyMap<string, readonly RecordedTrace[]> {
  return new Map(
    Object.entries(conventions).map(([convention, folders]) => [
      convention,
      folders.flatMap((folder) => tracesIn(inRepository(`tooling/conformance/fixtures/recorded/${folder}`))),
    ]),
  );
}

function tracesIn(folder: string): readonly RecordedTrace[] {
  const traces = new Map<string, SpanEvent[]>();
  for (const file of readdirSync(folder).sort()) {
    const { requests } = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
      readonly requests: readonly { readonly body: unknown }[];
    };
    for (const { body } of requests) {
      for (const span of decodeTraceRequest(Buffer.from(JSON.stringify(body)), "json").spans) {
        const events = traces.get(span.traceId) ?? [];
        traces.set(span.traceId, events);
        events.push(createSpanEvent(span, BigInt(events.length + 1)));
      }
    }
  }
  return [...traces.values()];
}
