import { parseTenantId } from "@es/core";
import { context, metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueBullMQ, ProjectionWorkerBullMQ } from "../src/index.js";
import { redisUrl, uniquePrefix } from "./redis.js";

const waiting = { timeout: 20_000, interval: 5 };

function ref(aggregateId: string) {
  return { tenantId: parseTenantId("acme"), aggregateId };
}

describe("telemetry", () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const tracer = trace.getTracer("test");
  const open: { close(): Promise<void> }[] = [];

  beforeAll(() => {
    provider.register();
    metrics.setGlobalMeterProvider(meterProvider);
  });
  beforeEach(() => exporter.reset());
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  afterAll(async () => {
    await provider.shutdown();
    await meterProvider.shutdown();
    trace.disable();
    metrics.disable();
    context.disable();
  });

  const spansNamed = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

  function setUp(run: () => Promise<void>, options: { readonly telemetry?: null } = {}) {
    const prefix = uniquePrefix();
    const queue = new ProjectionQueueBullMQ({
      connection: redisUrl(),
      prefix,
      delayMs: 0,
      attempts: 2,
      backoffMs: 1,
      ...options,
    });
    open.push(queue);
    const work = () => {
      const worker = new ProjectionWorkerBullMQ({
        connection: redisUrl(),
        prefix,
        run,
        limiter: null,
        ...options,
      });
      open.push(worker);
    };
    return { queue, work };
  }

  it("runs each job as a trace of its own, linked to what scheduled it, with the run's spans inside", async () => {
    const { queue, work } = setUp(async () => tracer.startSpan("inside").end());
    // Made inside a span, as apps are at start-up: the worker must not live in its trace for ever.
    await tracer.startActiveSpan("start-up", async (span) => {
      work();
      span.end();
    });
    for (const name of ["request 1", "request 2"]) {
      await tracer.startActiveSpan(name, async (span) => {
        await queue.schedule([ref(name)]);
        span.end();
      });
    }
    await vi.waitFor(() => expect(spansNamed("process projections")).toHaveLength(2), waiting);
    const runs = spansNamed("process projections");
    expect(new Set(runs.map((run) => run.spanContext().traceId)).size).toBe(2);
    for (const name of ["request 1", "request 2"]) {
      const [request] = spansNamed(name);
      const run = runs.find((one) => one.attributes["aggregate.id"] === name);
      expect(run?.kind).toBe(SpanKind.CONSUMER);
      expect(run?.parentSpanContext).toBeUndefined();
      expect(run?.spanContext().traceId).not.toBe(request?.spanContext().traceId);
      expect(run?.links).toHaveLength(1);
      expect(run?.links[0]?.context.traceId).toBe(request?.spanContext().traceId);
      expect(run?.attributes).toMatchObject({ "tenant.id": "acme", "projection.attempt": 1 });
      expect(run?.status.code).not.toBe(SpanStatusCode.ERROR);
      const inside = spansNamed("inside").map((span) => span.parentSpanContext?.spanId);
      expect(inside).toContain(run?.spanContext().spanId);
      expect(request?.events).toMatchObject([
        { name: "projection.job.enqueued", attributes: { "tenant.id": "acme", "aggregate.id": name } },
      ]);
    }
  });

  it("links every attempt to what scheduled the job, and marks those that fail", async () => {
    let runs = 0;
    const { queue, work } = setUp(async () => {
      runs++;
      if (runs === 1) throw new Error("not yet");
    });
    work();
    await tracer.startActiveSpan("request", async (span) => {
      await queue.schedule([ref("a")]);
      span.end();
    });
    await vi.waitFor(() => expect(spansNamed("process projections")).toHaveLength(2), waiting);
    const [first, second] = spansNamed("process projections");
    const requestTrace = spansNamed("request")[0]?.spanContext().traceId;
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: "not yet" });
    expect(first?.events.map((event) => event.name)).toContain("exception");
    expect(second?.status.code).not.toBe(SpanStatusCode.ERROR);
    expect(second?.attributes["projection.attempt"]).toBe(2);
    expect(first?.links.map((link) => link.context.traceId)).toEqual([requestTrace]);
    expect(second?.links.map((link) => link.context.traceId)).toEqual([requestTrace]);
  });

  it("adds the jobs of a large call below few spans, and links each run to its own call", async () => {
    const { queue, work } = setUp(async () => undefined);
    const names = ["request 1", "request 2"];
    await Promise.all(
      names.map((name) =>
        tracer.startActiveSpan(name, async (span) => {
          await queue.schedule(Array.from({ length: 60 }, (_, index) => ref(`${name}: ${index}`)));
          span.end();
        }),
      ),
    );
    work();
    await vi.waitFor(() => expect(spansNamed("process projections")).toHaveLength(120), waiting);
    expect(exporter.getFinishedSpans().filter((span) => span.kind === SpanKind.PRODUCER)).toHaveLength(4);
    for (const name of names) {
      const runs = spansNamed("process projections").filter((run) =>
        String(run.attributes["aggregate.id"]).startsWith(`${name}: `),
      );
      const linked = runs.flatMap((run) => run.links.map((link) => link.context.traceId));
      expect(linked).toHaveLength(60);
      expect(new Set(linked)).toEqual(new Set([spansNamed(name)[0]?.spanContext().traceId]));
    }
  });

  it("adds the jobs of small calls made at once below one span per context, and links each run to its own", async () => {
    const { queue, work } = setUp(async () => undefined);
    const names = ["request 1", "request 2"];
    await Promise.all(
      names.map((name) =>
        tracer.startActiveSpan(name, async (span) => {
          await Promise.all(
            Array.from({ length: 20 }, (_, index) => queue.schedule([ref(`${name}: ${index}`)])),
          );
          span.end();
        }),
      ),
    );
    work();
    await vi.waitFor(() => expect(spansNamed("process projections")).toHaveLength(40), waiting);
    const added = exporter.getFinishedSpans().filter((span) => span.kind === SpanKind.PRODUCER);
    const traceOf = (name: string) => spansNamed(name)[0]?.spanContext().traceId;
    expect(new Set(added.map((span) => span.spanContext().traceId))).toEqual(new Set(names.map(traceOf)));
    expect(added).toHaveLength(2);
    for (const run of spansNamed("process projections")) {
      const [name = ""] = String(run.attributes["aggregate.id"]).split(":");
      expect(run.links.map((link) => link.context.traceId)).toEqual([traceOf(name)]);
    }
  });

  it("starts no trace for the housekeeping of an idle worker", async () => {
    const { queue, work } = setUp(async () => undefined);
    work();
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(spansNamed("process projections")).toHaveLength(1), waiting);
    const roots = exporter.getFinishedSpans().filter((span) => span.parentSpanContext === undefined);
    expect(new Set(roots.map((span) => span.name))).toEqual(
      new Set(["add projections.project", "process projections"]),
    );
  });

  it("bounds the events of a large call, and counts all of it", async () => {
    const { queue } = setUp(async () => undefined);
    await tracer.startActiveSpan("large", async (span) => {
      await queue.schedule(Array.from({ length: 100 }, (_, index) => ref(`${index}`)));
      span.end();
    });
    const events = spansNamed("large")[0]?.events ?? [];
    expect(events).toHaveLength(33);
    expect(events.at(-1)?.attributes).toEqual({ "aggregate.count": 68 });
    await meterProvider.forceFlush();
    const recorded = metricExporter
      .getMetrics()
      .flatMap((resource) => resource.scopeMetrics)
      .flatMap((scope) => scope.metrics);
    const scheduled = recorded
      .filter((metric) => metric.descriptor.name === "es.projection.scheduled")
      .at(-1);
    expect(Number(scheduled?.dataPoints[0]?.value)).toBeGreaterThanOrEqual(100);
    expect(recorded.map((metric) => metric.descriptor.name)).toContain("bullmq.jobs.completed");
  });

  it("can be turned off", async () => {
    let ran = false;
    const { queue, work } = setUp(
      async () => {
        ran = true;
      },
      { telemetry: null },
    );
    work();
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(ran).toBe(true), waiting);
    await vi.waitFor(async () => expect((await queue.counts()).active).toBe(0), waiting);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});
