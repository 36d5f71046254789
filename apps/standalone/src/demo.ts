import { setTimeout as sleep } from "node:timers/promises";
import { formatTable } from "@es/operations";
import { encodeTraceRequest, type OtlpSpan } from "@es/otlp";
import type { TraceProjectionJson } from "@es/trace-projection";
import { demoTraces } from "@es/trace-projection/demo";

export interface DemoAddresses {
  readonly ingestUrl: string;
  readonly consoleUrl: string;
}

const WAIT_MS = 30_000;
const POLL_MS = 50;
/** Where the output is no terminal. */
const DEFAULT_WIDTH = 160;

/** Sends realistic traces the way any client does, over OTLP/HTTP, and prints the projections the read API gives. */
export async function runDemo(
  { ingestUrl, consoleUrl }: DemoAddresses,
  print: (line: string) => void,
): Promise<void> {
  const traces = demoTraces({ now: BigInt(Date.now()) * 1_000_000n });
  const sent = traces.map(({ name, batches }) => {
    const spans = batches.flat();
    return {
      name,
      traceId: spans[0]?.traceId ?? "",
      spanCount: new Set(spans.map((span) => span.spanId)).size,
    };
  });
  const rounds = Math.max(...traces.map(({ batches }) => batches.length));
  print(`\nSending ${sent.length} traces, ${sent.reduce((sum, { spanCount }) => sum + spanCount, 0)} spans…`);
  const started = performance.now();
  for (let round = 0; round < rounds; round++) {
    for (const { batches } of traces) {
      const spans = batches[round];
      if (spans !== undefined) await send(ingestUrl, spans);
    }
  }
  const acknowledged = performance.now();
  const projections: TraceProjectionJson[] = [];
  for (const { traceId, spanCount } of sent)
    projections.push(await projectionOf(consoleUrl, traceId, spanCount));
  const readable = performance.now();
  print(
    `Acknowledged after ${(acknowledged - started).toFixed(0)} ms; all projections current ${(readable - acknowledged).toFixed(0)} ms later.\n`,
  );
  const rows = projections.map((projection, index) => rowOf(sent[index]?.name ?? "", projection));
  print(formatTable(rows, process.stdout.columns ?? DEFAULT_WIDTH));
  print(`\nMore: ${consoleUrl}/api/traces/${sent[0]?.traceId}`);
}

async function send(ingestUrl: string, spans: readonly OtlpSpan[]): Promise<void> {
  const response = await fetch(`${ingestUrl}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: encodeTraceRequest(spans, "protobuf"),
  });
  if (!response.ok) throw new Error(`${ingestUrl} answered ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

/** Waits until the projection covers every span that was sent. */
async function projectionOf(
  consoleUrl: string,
  traceId: string,
  spanCount: number,
): Promise<TraceProjectionJson> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const response = await fetch(`${consoleUrl}/api/traces/${traceId}`);
    const body: unknown = await response.json();
    if (response.ok) {
      const projection = body as TraceProjectionJson;
      if (projection.spanCount >= spanCount) return projection;
    }
    if (Date.now() > deadline)
      throw new Error(`The projection of trace ${traceId} is not complete after ${WAIT_MS} ms`);
    await sleep(POLL_MS);
  }
}

function rowOf(scenario: string, projection: TraceProjectionJson): Record<string, string> {
  const milliseconds = (nanoseconds: string | undefined) =>
    nanoseconds === undefined ? "" : `${(Number(nanoseconds) / 1e6).toFixed(0)} ms`;
  return {
    scenario,
    status: projection.status,
    spans: String(projection.spanCount),
    duration: milliseconds(projection.durationNano),
    "first token": milliseconds(projection.timeToFirstTokenNano?.call ?? undefined),
    tokens: `${projection.usage.inputTokens} in, ${projection.usage.outputTokens} out`,
    cost: projection.cost === null ? "" : `${projection.cost.amount} ${projection.cost.currency}`,
    models: projection.models.join(", "),
    input: projection.input?.text ?? "",
    output: projection.output?.text ?? "",
  };
}
