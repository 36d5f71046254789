import { parseTenantId } from "@es/core";
import { RunGate, RunRecorder } from "@es/testkit";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ProjectionQueueMemory } from "./projectionQueueMemory.js";

const waiting = { timeout: 20_000, interval: 2 };

function ref(aggregateId: string, tenantId = "acme") {
  return { tenantId: parseTenantId(tenantId), aggregateId };
}

describe("ProjectionQueueMemory", () => {
  it("serves who comes first when tenants are not to take turns", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, fairness: null });
    await queue.schedule(Array.from({ length: 50 }, (_, index) => ref(`${index}`, "huge")));
    await queue.schedule([ref("1", "small")]);
    const recorder = new RunRecorder();
    queue.work(recorder.run, { concurrency: 1 });
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(51), waiting);
    expect(recorder.finished.at(-1)?.tenantId).toBe("small");
  });

  it("starts 10 runs a second by default", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0 });
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    const before = Date.now();
    queue.work(recorder.run, { concurrency: 100 });
    await queue.schedule(Array.from({ length: 11 }, (_, index) => ref(`${index}`)));
    await vi.waitFor(() => expect(recorder.started).toHaveLength(11), waiting);
    expect((recorder.started[10]?.startedAt ?? 0) - before).toBeGreaterThanOrEqual(990);
    gate.releaseAll();
  });

  it("refuses what does not fit, as a whole, and takes it once there is room", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, maxPending: 2 });
    await queue.schedule([ref("a")]);
    await expect(queue.schedule([ref("b"), ref("c")])).rejects.toMatchObject({
      code: "QUEUE_UNAVAILABLE",
      retryable: true,
    });
    expect((await queue.counts()).pending).toBe(1);
    await queue.schedule([ref("a"), ref("b"), ref("a")]);
    const recorder = new RunRecorder();
    queue.work(recorder.run);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(2), waiting);
    await queue.schedule([ref("c")]);
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(3), waiting);
  });

  it("keeps nothing of a ref whose runs are over", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null });
    const recorder = new RunRecorder();
    queue.work(recorder.run, { concurrency: 10 });
    for (let round = 0; round < 5; round++) {
      await queue.schedule(Array.from({ length: 100 }, (_, index) => ref(`${round}-${index}`)));
    }
    await vi.waitFor(() => expect(recorder.finished).toHaveLength(500), waiting);
    expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 });
  });

  it("closes although a run ignores its signal", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null });
    const gate = new RunGate();
    const recorder = new RunRecorder(gate.hold);
    const worker = queue.work(recorder.run);
    await queue.schedule([ref("a")]);
    await vi.waitFor(() => expect(recorder.active).toBe(1), waiting);
    await worker.close({ drainTimeoutMs: 0 });
    expect(recorder.started[0]?.signal.aborted).toBe(true);
    // It still holds its place: a second run of the ref beside it would break the contract.
    const next = new RunRecorder();
    queue.work(next.run);
    await queue.schedule([ref("a"), ref("b")]);
    await vi.waitFor(() => expect(next.finished).toMatchObject([{ aggregateId: "b" }]), waiting);
    gate.releaseAll();
    await vi.waitFor(() => expect(next.finished).toHaveLength(2), waiting);
  });

  it.each([
    { attempts: 0 },
    { attempts: 1.5 },
    { backoffMs: -1 },
    { delayMs: Number.NaN },
    { maxPending: 0 },
    { limiter: { max: 0, durationMs: 1 } },
  ])("refuses %j", (options) => {
    expect(() => new ProjectionQueueMemory(options)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS" }),
    );
  });
});

describe("ProjectionQueueMemory telemetry", () => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = trace.getTracer("test");

  beforeAll(() => provider.register());
  beforeEach(() => exporter.reset());
  afterAll(async () => {
    await provider.shutdown();
    trace.disable();
  });

  const spansNamed = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

  it("runs each job as a trace of its own, linked to all that scheduled it", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null });
    for (const name of ["first", "second"]) {
      await tracer.startActiveSpan(name, async (span) => {
        await queue.schedule([ref("a")]);
        span.end();
      });
    }
    await tracer.startActiveSpan("worker start", async (span) => {
      queue.work(async () => tracer.startSpan("inside").end());
      span.end();
    });
    await vi.waitFor(() => expect(spansNamed("ProjectionQueueMemory.run")).toHaveLength(1), waiting);
    const [run] = spansNamed("ProjectionQueueMemory.run");
    expect(run?.parentSpanContext).toBeUndefined();
    expect(run?.links.map((link) => link.context.spanId)).toEqual(
      ["first", "second"].map((name) => spansNamed(name)[0]?.spanContext().spanId),
    );
    expect(run?.attributes).toMatchObject({
      "tenant.id": "acme",
      "aggregate.id": "a",
      "projection.attempt": 1,
    });
    expect(spansNamed("inside")[0]?.parentSpanContext?.spanId).toBe(run?.spanContext().spanId);
    expect(spansNamed("first")[0]?.events).toMatchObject([
      { name: "projection.job.enqueued", attributes: { "tenant.id": "acme", "aggregate.id": "a" } },
    ]);
  });

  it("marks the span of a failed run, and bounds the events of a large call", async () => {
    const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null, attempts: 1 });
    queue.work(async () => {
      throw new Error("no");
    });
    await tracer.startActiveSpan("large", async (span) => {
      await queue.schedule(Array.from({ length: 100 }, (_, index) => ref(`${index}`)));
      span.end();
    });
    await vi.waitFor(() => expect(spansNamed("ProjectionQueueMemory.run")).toHaveLength(100), waiting);
    expect(spansNamed("ProjectionQueueMemory.run")[0]?.status).toEqual({
      code: SpanStatusCode.ERROR,
      message: "no",
    });
    const events = spansNamed("large")[0]?.events ?? [];
    expect(events).toHaveLength(33);
    expect(events.at(-1)?.attributes).toEqual({ "aggregate.count": 68 });
  });
});
