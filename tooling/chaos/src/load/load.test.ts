import { createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import { decodeTraceRequest, encodeTraceRequest } from "@es/otlp";
import { createSpanEvent, spanToJson, TraceProjectionEventHandler } from "@es/trace-projection";
import { describe, expect, it } from "vitest";
import { planWave } from "./deliveries.js";
import { Ledger } from "./ledger.js";
import { type LoadShape, makeWave } from "./traces.js";

const shape: LoadShape = { seed: 5, tenants: ["acme", "acme:1"], tracesPerSecond: 4 };
const options = { ingests: 2, endMs: 60_000 };

describe("makeWave", () => {
  it("makes the same traces again, and others for another seed or wave", () => {
    expect(makeWave(shape, 3)).toEqual(makeWave(shape, 3));
    expect(makeWave(shape, 3)).not.toEqual(makeWave(shape, 4));
    expect(makeWave({ ...shape, seed: 6 }, 3)).not.toEqual(makeWave(shape, 3));
  });

  it("gives tenants the same ids with other content", () => {
    const traces = makeWave(shape, 0);
    const [mine, theirs] = shape.tenants.map((tenant) => traces.filter((trace) => trace.tenant === tenant));
    for (const [place, trace] of (mine ?? []).entries()) {
      const other = theirs?.[place];
      expect(other?.traceId).toBe(trace.traceId);
      expect(other?.spans[0]?.spanId).toBe(trace.spans[0]?.spanId);
      expect(spanToJson(other?.spans[0] as never)).not.toEqual(spanToJson(trace.spans[0] as never));
    }
  });

  it("makes one tree per trace, small ones and large ones", () => {
    const traces = Array.from({ length: 60 }, (_, wave) => makeWave(shape, wave)).flat();
    for (const { spans } of traces) {
      const ids = new Set(spans.map(({ spanId }) => spanId));
      expect(ids.size).toBe(spans.length);
      expect(spans.filter(({ parentSpanId }) => parentSpanId === "")).toEqual([spans[0]]);
      expect(spans.slice(1).every(({ parentSpanId }) => ids.has(parentSpanId))).toBe(true);
    }
    const sizes = traces.map(({ spans }) => spans.length);
    expect(Math.min(...sizes)).toBe(1);
    expect(Math.max(...sizes)).toBeGreaterThan(149);
  });

  it("has usage and cost that a span folded twice would change", () => {
    const trace = makeWave(shape, 1).find(({ spans }) => spans.length > 20);
    const events = trace?.spans.map((span, index) => createSpanEvent(span, BigInt(index + 1))) ?? [];
    const projection = new TraceProjectionEventHandler().handle(
      createEventStream(trace?.traceId ?? "", events),
    );
    expect(projection.usage.totalTokens).toBeGreaterThan(0);
    expect(projection.cost?.amount).toBeDefined();
  });

  it.each(["protobuf", "json"] as const)("survives OTLP exactly: %s", async (encoding) => {
    const spans = makeWave(shape, 2).flatMap((trace) => trace.spans);
    const decoded = decodeTraceRequest(encodeTraceRequest(spans, encoding), encoding);
    const text = (list: typeof spans) => list.map((span) => canonicalJson(spanToJson(span)));
    expect(text([...decoded.spans])).toEqual(text(spans));
  });
});

describe("planWave", () => {
  it("plans the same deliveries again", () => {
    expect(planWave(shape, 1, options)).toEqual(planWave(shape, 1, options));
  });

  it("sends every span at least once, some often, some much later, over both ingests and encodings", () => {
    const deliveries = Array.from({ length: 10 }, (_, wave) => planWave(shape, wave, options)).flat();
    const times = new Map<string, number>();
    for (const { places, spans, tenant } of deliveries) {
      expect(spans.length).toBe(places.length);
      for (const { trace, index } of places) {
        expect(trace.tenant).toBe(tenant);
        const key = `${trace.wave}/${trace.place}/${tenant}/${index}`;
        times.set(key, (times.get(key) ?? 0) + 1);
      }
    }
    const made = Array.from({ length: 10 }, (_, wave) => makeWave(shape, wave)).flat();
    expect(times.size).toBe(made.reduce((sum, { spans }) => sum + spans.length, 0));
    expect(Math.max(...times.values())).toBe(5);
    expect(new Set(deliveries.map(({ ingest }) => ingest))).toEqual(new Set([0, 1]));
    expect(new Set(deliveries.map(({ encoding }) => encoding))).toEqual(new Set(["protobuf", "json"]));
    expect(deliveries.some(({ at, places }) => at > ((places[0]?.trace.wave ?? 0) + 15) * 1_000)).toBe(true);
    expect(deliveries.every(({ at }) => at <= options.endMs)).toBe(true);
  });

  it("carries in a delivery the very spans it says", () => {
    for (const { places, spans } of planWave(shape, 4, options)) {
      for (const [position, { trace, index }] of places.entries()) {
        const made = makeWave(shape, trace.wave).find(
          (one) => one.tenant === trace.tenant && one.place === trace.place,
        );
        expect(spans[position]).toEqual(made?.spans[index]);
      }
    }
  });
});

describe("Ledger", () => {
  it("knows what became of each span", () => {
    const ledger = new Ledger();
    const trace = { tenant: "acme", wave: 1, place: 0 };
    ledger.sent([0, 40, 2].map((index) => ({ trace, index })));
    ledger.acknowledged([{ trace, index: 40 }]);
    ledger.sent([{ trace, index: 40 }]);
    expect([0, 1, 2, 40].map((index) => ledger.fate(trace, index))).toEqual([
      "sent",
      "unsent",
      "sent",
      "acknowledged",
    ]);
    expect(ledger.fate({ ...trace, tenant: "acme:1" }, 40)).toBe("unsent");
    expect(ledger.totals()).toEqual({ sent: 3, acknowledged: 1 });
    expect(ledger.sentCopies).toBe(4);
  });
});
