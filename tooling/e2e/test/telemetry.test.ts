import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Standalone, startStandalone } from "./apps.js";
import { makeSpan, sendSpans } from "./otlpClient.js";
import { killLeftovers, temporaryFolder, until } from "./processes.js";
import { allProjections, completeProjection } from "./readApi.js";

interface SpanBody {
  readonly traceId: string;
  readonly name: string;
  readonly parentSpanId: string;
  readonly links: readonly { readonly traceId: string }[];
  readonly events: readonly { readonly name: string }[];
}

describe("one system observed with another", () => {
  let observer: Standalone;
  let observed: Standalone;
  const folders = [temporaryFolder(), temporaryFolder()];

  beforeAll(async () => {
    const [observerFolder, observedFolder] = await Promise.all(folders);
    observer = await startStandalone(observerFolder?.path ?? "", { INGEST_OWN_TELEMETRY: "true" });
    observed = await startStandalone(observedFolder?.path ?? "", {
      OTEL_EXPORTER_OTLP_ENDPOINT: observer.ingestUrl,
      OTEL_METRICS_EXPORTER: "none",
      OTEL_BSP_SCHEDULE_DELAY: "200",
    });
  });
  afterAll(async () => {
    await observed.process.stop();
    await observer.process.stop();
    await killLeftovers();
    for (const folder of folders) await (await folder).remove();
  });

  /** The spans the observer has of the observed, by name. */
  async function spansNamed(name: string): Promise<readonly SpanBody[]> {
    const traces = await allProjections(observer.consoleUrl);
    const spans = await Promise.all(
      traces.map(async ({ traceId }) => {
        const response = await fetch(`${observer.consoleUrl}/api/traces/${traceId}/spans`);
        return ((await response.json()) as { spans: SpanBody[] }).spans;
      }),
    );
    return spans.flat().filter((span) => span.name === name);
  }

  it("shows ingest, the run it is linked to, the rebuild and both stores", async () => {
    const span = makeSpan();
    await sendSpans(observed.ingestUrl, [span]);
    await completeProjection(observed.consoleUrl, span.traceId, 1);
    // What the system does by itself has spans of the same names.
    const found = (name: string, holding: string) =>
      until(`${name} of ${holding}`, async () =>
        (await spansNamed(name)).find((body) => JSON.stringify(body).includes(holding)),
      );
    await found("EventSourcingService.rebuildProjection", span.traceId);
    await found("EventStoreClickHouse.storeEvents", '"default"');
    await found("EventStoreClickHouse.getEvents", span.traceId);
    await found("ProjectionStoreClickHouse.storeProjection", span.traceId);
    const run = await found("ProjectionQueueMemory.run", span.traceId);
    expect(run.parentSpanId).toBe("");
    const scheduling = await found("SpanIngestionWriteRepositoryClickHouse.storeSpans", span.traceId);
    // Not always the only one: the first look of the reconciler may have found the span as well.
    expect(run.links).toContainEqual(expect.objectContaining({ traceId: scheduling.traceId }));
    expect(JSON.stringify(scheduling.events)).toContain("projection.job.enqueued");
  });

  it.each([
    ["in a small request", 1],
    ["in one whose spans are not decoded", 30_000],
  ])("never feeds on itself: its own spans are rejected, %s", async (_, length) => {
    const attributes = new Map([["text", "x".repeat(length)]]);
    const own = makeSpan({
      attributes,
      resource: {
        attributes: new Map([["es.own_telemetry", true]]),
        droppedAttributesCount: 0,
        schemaUrl: "",
      },
    });
    const other = makeSpan({ attributes });
    expect(await sendSpans(observed.ingestUrl, [own, other])).toBe(200);
    await completeProjection(observed.consoleUrl, other.traceId, 1);
    expect((await fetch(`${observed.consoleUrl}/api/traces/${own.traceId}`)).status).toBe(404);
  });
});
