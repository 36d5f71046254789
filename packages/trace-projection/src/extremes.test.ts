import { createEventStream } from "@es/core";
import { describe, expect, it } from "vitest";
import { buildResource, buildSpan, type PlainValue } from "./demo/spanBuilder.js";
import { createSpanEvent } from "./spanEvent.js";
import { TraceProjectionEventHandler } from "./traceProjectionEventHandler.js";

const traceId = "0af7651916cd43dd8448eb211c80319c";

function project(attributes: Readonly<Record<string, PlainValue>>) {
  const span = buildSpan({
    traceId,
    spanId: "b7ad6b7169203331",
    name: "chat",
    start: 1n,
    end: 2n,
    attributes,
    resource: buildResource("shop"),
  });
  return new TraceProjectionEventHandler().handle(createEventStream(traceId, [createSpanEvent(span, 1n)]));
}

/** What a row may take at most, whatever its spans hold. */
const ROW_CHARACTERS = 1_000_000;

describe("extreme attributes leave a bounded row that says what was cut", () => {
  it("a value of 10 MB", () => {
    const p = project({ "input.value": "x".repeat(10_000_000) });
    expect(p.truncated).toBe(true);
    expect(p.flags.cuts).toEqual({ "input.text": { kept: 65_536, total: 10_000_000 } });
    expect(JSON.stringify(p).length).toBeLessThan(ROW_CHARACTERS);
  });

  it("100 000 attributes on one span", () => {
    const p = project(
      Object.fromEntries(
        Array.from({ length: 100_000 }, (_, index) => [`langfuse.trace.metadata.k${index}`, `v${index}`]),
      ),
    );
    expect(Object.keys(p.metadata)).toHaveLength(200);
    expect(p.flags.cuts).toEqual({ metadata: { kept: 200, total: 100_000 } });
    expect(JSON.stringify(p).length).toBeLessThan(ROW_CHARACTERS);
  });

  it("a list of 1 000 000 elements", () => {
    const list = Array.from({ length: 1_000_000 }, (_, index) => index);
    const p = project({ "input.value": list });
    const total = JSON.stringify(list).length;
    expect(p.flags.cuts).toEqual({ "input.text": { kept: 65_536, total } });
    expect(JSON.stringify(p).length).toBeLessThan(ROW_CHARACTERS);
  });

  it("100 000 messages", () => {
    const messages = Array.from({ length: 100_000 }, (_, index) => ({ role: "user", content: `m${index}` }));
    const p = project({ "gen_ai.input.messages": JSON.stringify(messages) });
    expect(p.input?.text).toBe("m99999");
    expect(p.flags.cuts).toEqual({ "input.messages": { kept: 1_000, total: 100_000 } });
  });

  it("JSON that nests 100 000 deep", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const p = project({ "input.value": deep, "input.mime_type": "application/json" });
    expect(p.flags.cuts).toEqual({ "input.text": { kept: 65_536, total: 200_000 } });
    expect(JSON.stringify(p).length).toBeLessThan(ROW_CHARACTERS);
  });

  it("100 000 tags, and metadata of 1 MB", () => {
    const p = project({
      "tag.tags": Array.from({ length: 100_000 }, (_, index) => `t${index}`),
      "langfuse.trace.metadata.wide": "x".repeat(1_000_000),
    });
    expect(p.tags).toHaveLength(100);
    expect(p.flags.cuts).toMatchObject({
      tags: { kept: 100, total: 100_000 },
      "metadata.wide": { kept: 8_192 },
    });
    expect(JSON.stringify(p).length).toBeLessThan(ROW_CHARACTERS);
  });
});
