import { createEventStream, parseTenantId } from "@es/core";
import {
  createSpanEvent,
  explain,
  spanKinds,
  spanToJson,
  TraceProjectionEventHandler,
  type TraceProjectionJson,
} from "@es/trace-projection";
import { demoTraces } from "@es/trace-projection/demo";
import { describe, expect, it } from "vitest";
import { contentSecurityPolicy } from "./layout.js";
import { traceListPage } from "./traceListPage.js";
import { tracePage } from "./tracePage.js";

type Span = Parameters<typeof spanToJson>[0];

const traces = demoTraces({ now: 1_780_000_000_000_000_000n }).map(({ batches }) => batches.flat());

function projectionOf(spans: readonly Span[]): TraceProjectionJson {
  const events = spans.map((span) => createSpanEvent(span, 1n));
  const projection = new TraceProjectionEventHandler().handle(
    createEventStream(spans[0]?.traceId ?? "", events),
  );
  return { tenantId: parseTenantId("acme"), version: "1", ...projection };
}

function pageOf(spans: readonly Span[], listed = spans.length): string {
  return String(
    tracePage({
      trace: projectionOf(spans),
      read: { status: "explained", explanation: explain(spans) },
      spans: spans.slice(0, listed).map(spanToJson),
    }),
  );
}

/** The row of a field. */
function rowOf(page: string, field: string): string {
  const row = page.split("<tr>").find((part) => part.includes(`<th scope="row">${field}</th>`));
  if (row === undefined) throw new Error(`There is no ${field}`);
  return row;
}

describe("the page of a trace", () => {
  const [chat = []] = traces;

  it("says at each field, on demand, which span, key and rule gave it, and folded below what lost", () => {
    const input = rowOf(pageOf(chat), "input");
    expect(input).toContain("Why does my invoice list two VAT rates?");
    const [shown, ...folded] = input.split("<details>");
    expect(shown).not.toContain("gen_ai.input.messages");
    expect(folded).toHaveLength(2);
    expect(folded[0]).toMatch(/<a href="#span-[0-9a-f]{16}">chat gpt-4o<\/a>/);
    expect(folded[0]).toContain(
      "<code>gen_ai.input.messages</code> by <code>otel-gen-ai.input-messages</code>",
    );
    expect(folded[0]).not.toContain("POST /v1/answers");
    expect(folded[1]).toContain("2 lost");
    expect(folded[1]).toContain("<strong>weak</strong>");
    expect(folded[1]).toContain("POST /v1/answers");
  });

  it("has every span it links to", () => {
    for (const spans of traces) {
      const page = pageOf(spans, 3);
      const ids = [...page.matchAll(/ id="(span-[^"]*)"/g)].map(([, id]) => id);
      const links = [...page.matchAll(/href="#(span-[^"]*)"/g)].map(([, id]) => id);
      expect(ids).toHaveLength(Math.min(3, spans.length));
      expect(links.filter((id) => !ids.includes(id))).toEqual([]);
    }
  });

  it("marks each span with its kind", () => {
    const page = pageOf(chat);
    const badges = [...page.matchAll(/<tr id="span-.*?<span class="badge ([a-z]+)">([a-z]+)<\/span>/g)];
    expect(badges.map(([, style]) => style)).toEqual(badges.map(([, , kind]) => kind));
    expect(badges.map(([, , kind]) => kind)).toEqual(chat.map((span) => spanToJson(span).spanKind));
  });

  it("shows what spans say as text, whatever they say", () => {
    const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'>`;
    const page = pageOf(
      chat.map((span) => ({
        ...span,
        name: hostile,
        attributes: new Map([
          ...span.attributes,
          ["session.id", hostile],
          ["tag.tags", [hostile]],
          [`metadata.${hostile}`, hostile],
        ]),
        resource: { ...span.resource, attributes: new Map([["service.name", hostile]]) },
      })),
    );
    expect(page).toContain("&lt;script&gt;");
    expect(page).not.toMatch(/<script|<img/);
    expect(
      String(traceListPage({ traces: [{ ...projectionOf(chat), name: hostile }], nextCursor: hostile })),
    ).not.toMatch(/<script|<img/);
    expect(contentSecurityPolicy).toContain("default-src 'none'");
  });

  it("says so where a trace is too large, gone, or ahead of its projection", () => {
    const trace = projectionOf(chat);
    const large = { status: "too-large", spanCount: 30_000, bytes: 5 } as const;
    expect(String(tracePage({ trace, read: large, spans: [] }))).toContain("30000 spans");
    expect(String(tracePage({ trace, read: { status: "absent" }, spans: [] }))).toContain("No span");
    const read = { status: "explained", explanation: { ...explain(chat), spanCount: 9 } } as const;
    expect(String(tracePage({ trace, read, spans: [] }))).toContain("the 9 spans that are stored now");
  });
});

describe("the list of traces", () => {
  it("links to the page of each, and to older ones where there are", () => {
    const projections = traces.map(projectionOf);
    const undecodable = [{ traceId: "odd", reason: "name should be a text" }];
    const list = { traces: projections, nextCursor: "a/b", undecodable };
    const page = String(traceListPage(list, { status: "error", cursor: "before" }));
    expect([...page.matchAll(/href="\/traces\/([^"]*)"/g)].map(([, id]) => id)).toEqual(
      projections.map(({ traceId }) => traceId),
    );
    expect(page).toContain('href="/?status=error&amp;cursor=a%2Fb"');
    expect(page).toContain("odd cannot be understood: name should be a text");
    expect(String(traceListPage({ traces: [], nextCursor: null }))).not.toContain("Older");
  });

  it("says what to do where there are none at all, and not where none are found", () => {
    const none = { traces: [], nextCursor: null };
    expect(String(traceListPage(none))).toContain("<code>/v1/traces</code>");
    expect(String(traceListPage(none, { status: "error" }))).not.toContain("/v1/traces");
    expect(String(traceListPage({ ...none, traces: traces.map(projectionOf) }))).not.toContain("/v1/traces");
  });

  it("links to those with a span of each kind, from the newest on, and marks the one it shows", () => {
    const page = String(
      traceListPage({ traces: [], nextCursor: null }, { status: "error", kind: "tool", cursor: "before" }),
    );
    for (const kind of spanKinds) expect(page).toContain(`href="/?status=error&amp;kind=${kind}"`);
    expect(page).toContain('<a href="/?status=error">all</a>');
    expect(page.match(/<a [^>]*aria-current="true">[a-z]+<\/a>/g)).toEqual([
      '<a href="/?status=error&amp;kind=tool" aria-current="true">tool</a>',
    ]);
    expect(String(traceListPage({ traces: [], nextCursor: null }))).toContain(
      '<a href="/?" aria-current="true">all</a>',
    );
  });
});
