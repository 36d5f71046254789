import type { TraceList } from "@es/trace-clickhouse";
import { spanKinds } from "@es/trace-projection";
import { html } from "hono/html";
import { type Html, layout } from "./layout.js";

/**
 * Traces, the newest first, each with a link to its page.
 *
 * @param query what was asked for, which older ones are asked for with too
 */
export function traceListPage(
  { traces, nextCursor, undecodable = [] }: TraceList,
  query: Readonly<Record<string, string>> = {},
): Html {
  const rows = traces.map(
    ({ traceId, name, status, startTimeUnixNano, spanCount, usage, cost }) => html`<tr>
<td>${instant(startTimeUnixNano)}</td>
<td><a href="/traces/${encodeURIComponent(traceId)}">${name === "" ? traceId : name}</a></td>
<td>${status}</td><td>${spanCount}</td><td>${usage.totalTokens}</td><td>${cost?.amount ?? ""}</td>
</tr>`,
  );
  const older = nextCursor === null ? undefined : new URLSearchParams({ ...query, cursor: nextCursor });
  const isNew = traces.length + undecodable.length === 0 && Object.keys(query).length === 0;
  return layout(
    "Traces",
    html`<p><a href="/sessions">Sessions</a></p>
<h1>Traces</h1>
${kindLinks(query)}
<table>
<tr><th>Start</th><th>Name</th><th>Status</th><th>Spans</th><th>Tokens</th><th>USD</th></tr>
${rows}
</table>
${isNew ? firstSteps : ""}
${undecodable.map(({ traceId, reason }) => html`<p>${traceId} cannot be understood: ${reason}</p>`)}
${older === undefined ? "" : html`<p><a href="/?${String(older)}">Older</a></p>`}`,
  );
}

const firstSteps = html`<p>There are no traces yet. Send spans by OTLP to <code>/v1/traces</code> of ingest; <code>npm start -- --demo</code> sends some.</p>`;

/** The same list, of the traces with a span of one kind: from the newest on. */
function kindLinks({ cursor, kind: shown, ...rest }: Readonly<Record<string, string>>): Html {
  const link = (label: string, query: Readonly<Record<string, string>>, isShown: boolean) =>
    html`<a href="/?${String(new URLSearchParams(query))}"${isShown ? html` aria-current="true"` : ""}>${label}</a> `;
  return html`<nav aria-label="Kind of span">${link("all", rest, shown === undefined)}${spanKinds.map(
    (kind) => link(kind, { ...rest, kind }, kind === shown),
  )}</nav>`;
}

/** To the millisecond, UTC. */
export function instant(unixNano: string): string {
  const milliseconds = Number(BigInt(unixNano) / 1_000_000n);
  return milliseconds === 0 || milliseconds > 8.64e15 ? unixNano : new Date(milliseconds).toISOString();
}
