import type { ExplainRead } from "@es/trace-clickhouse";
import type {
  ExplainedCandidate,
  ExplainedSum,
  FieldExplanation,
  Json,
  LosingCandidate,
  SpanJson,
  TraceProjectionJson,
} from "@es/trace-projection";
import { html } from "hono/html";
import { type Html, layout } from "./layout.js";
import { sessionPath } from "./sessionPages.js";
import { instant } from "./traceListPage.js";

export interface TracePage {
  readonly trace: TraceProjectionJson;
  readonly read: ExplainRead;
  /** The first of them, as far as they are listed. */
  readonly spans: readonly SpanJson[];
}

/** What happened in a trace; at each field, on demand, why it says so: what gave it, and folded below, what lost. */
export function tracePage({ trace, read, spans }: TracePage): Html {
  const listed = new Set(spans.map(({ spanId }) => spanId));
  return layout(
    trace.name === "" ? trace.traceId : trace.name,
    html`<p><a href="/">Traces</a></p>
<h1>${trace.name}</h1>
<p class="faint"><code>${trace.traceId}</code>, ${trace.spanCount} spans,
${trace.sessionId === null ? "" : html`<a href="${sessionPath(trace.sessionId)}">session</a>,`}
as JSON: <a href="/api/traces/${trace.traceId}">projection</a>,
<a href="/api/traces/${trace.traceId}/spans">spans</a>,
<a href="/api/traces/${trace.traceId}/explain">explanation</a></p>
${read.status === "explained" ? fieldTable(read.explanation.fields, listed) : unexplained(read)}
${lag(trace, read)}
<h2>Spans</h2>
<table>
<tr><th>Name</th><th>Kind</th><th>Start</th><th>Span id</th></tr>
${spans.map(spanRow)}
</table>
${spans.length < trace.spanCount ? html`<p class="faint">The first ${spans.length} of ${trace.spanCount}.</p>` : ""}`,
  );
}

function unexplained(read: ExplainRead): Html {
  return read.status === "too-large"
    ? html`<p>The trace is too large to be explained: ${read.spanCount} spans, ${read.bytes} bytes.</p>`
    : html`<p>No span of the trace is stored any more: there is nothing to explain it by.</p>`;
}

function lag(trace: TraceProjectionJson, read: ExplainRead): Html | "" {
  if (read.status !== "explained" || read.explanation.spanCount === trace.spanCount) return "";
  return html`<p class="faint">Explained from the ${read.explanation.spanCount} spans that are stored now; the projection has
seen ${trace.spanCount}.</p>`;
}

function fieldTable(fields: readonly FieldExplanation[], listed: ReadonlySet<string>): Html {
  // The items of a list say what gave it; a field that says nothing, and could not have said anything, needs no line.
  const told = fields.filter(
    ({ value, winner, from, losers }) =>
      losers.length > 0 || (!isNothing(value) && (winner !== null || from !== undefined)),
  );
  return html`<table>
<tr><th>Field</th><th>Value</th><th>Why</th></tr>
${told.map(
  (field) => html`<tr>
<th scope="row">${field.field}</th>
<td class="value">${text(field.value)}${field.shortened === true ? "…" : ""}</td>
<td class="why"><details><summary>why</summary>${reasons(field, listed)}</details></td>
</tr>`,
)}
</table>`;
}

function isNothing(value: Json): boolean {
  return value === null || value === 0 || (Array.isArray(value) && value.length === 0);
}

function text(value: Json): string {
  return value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
}

function reasons(
  { winner, from, losers, moreLosers, sum }: FieldExplanation,
  listed: ReadonlySet<string>,
): Html {
  return html`${winner === null || sum !== undefined ? "" : html`<p>${candidate(winner, listed)}</p>`}
${from === undefined ? "" : html`<p>Follows from ${from.join(", ")}.</p>`}
${sum === undefined ? "" : sumOf(sum, listed)}
${losers.length === 0 ? "" : losersOf(losers, moreLosers, listed)}`;
}

function losersOf(losers: readonly LosingCandidate[], more: number, listed: ReadonlySet<string>): Html {
  return html`<details><summary>${losers.length + more} lost</summary><ul>
${losers.map((loser) => html`<li><strong>${loser.reason}</strong>${byWhom(loser.by, listed)}: ${candidate(loser, listed)}</li>`)}
${more === 0 ? "" : html`<li class="faint">${more} more</li>`}
</ul></details>`;
}

function sumOf(
  { parts, moreParts, moreCounted, remainder }: ExplainedSum,
  listed: ReadonlySet<string>,
): Html {
  return html`<ul>
${parts.map(
  (part) =>
    html`<li><strong>${part.counted}</strong> ${
      part.counted === part.own ? "" : html`of ${part.own} (${part.reason}${byWhom(part.by, listed)}) `
    }${candidate(part, listed)}</li>`,
)}
${moreParts === 0 ? "" : html`<li class="faint">${moreCounted} of ${moreParts} more spans</li>`}
${remainder === "0" ? "" : html`<li class="faint">${remainder} of no span</li>`}
</ul>`;
}

function byWhom(by: readonly string[] | undefined, listed: ReadonlySet<string>): Html | "" {
  return by === undefined ? "" : html` by ${by.map((spanId) => html`${spanLink(spanId, spanId, listed)} `)}`;
}

function candidate(found: ExplainedCandidate, listed: ReadonlySet<string>): Html {
  const { spanId, spanName, spanKind, key, ruleId, convention, value, shortened } = found;
  return html`${spanLink(spanId, spanName === "" ? spanId : spanName, listed)} <span class="faint">${spanKind}</span>,
<code>${key}</code> by <code>${ruleId}</code>${
    convention === null ? "" : html` of ${convention}`
  }: <q>${value}${shortened === true ? "…" : ""}</q>`;
}

function spanLink(spanId: string, label: string, listed: ReadonlySet<string>): Html {
  return listed.has(spanId) ? html`<a href="#span-${spanId}">${label}</a>` : html`${label}`;
}

function spanRow({ spanId, name, spanKind, startTimeUnixNano }: SpanJson): Html {
  return html`<tr id="span-${spanId}"><td>${name}</td><td><span class="badge ${spanKind}">${spanKind}</span></td><td>${instant(startTimeUnixNano)}</td>
<td><code>${spanId}</code></td></tr>`;
}
