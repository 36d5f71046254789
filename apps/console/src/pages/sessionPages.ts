import type { SessionProjectionJson } from "@es/session-projection";
import type { SessionList } from "@es/session-projection/clickhouse";
import { html } from "hono/html";
import { type Html, layout } from "./layout.js";
import { instant } from "./traceListPage.js";

/** Where the page of a session is. Clients take `.` and `..` for steps in a path, however they are encoded. */
export function sessionPath(sessionId: string): string {
  if (sessionId === "." || sessionId === "..") return `/session?id=${sessionId}`;
  return `/sessions/${encodeURIComponent(sessionId)}`;
}

/**
 * Sessions, those active last first, each with a link to its page.
 *
 * @param query what was asked for, which further ones are asked for with too
 */
export function sessionListPage(
  { sessions, nextCursor, undecodable = [] }: SessionList,
  query: Readonly<Record<string, string>> = {},
): Html {
  const next = nextCursor === null ? undefined : new URLSearchParams({ ...query, cursor: nextCursor });
  return layout(
    "Sessions",
    html`<p><a href="/">Traces</a></p>
<h1>Sessions</h1>
<table>
<tr><th>Last activity</th><th>Session</th><th>Status</th><th>Traces</th><th>Failed</th><th>Tokens</th><th>USD</th><th>Users</th></tr>
${sessions.map(
  ({
    sessionId,
    status,
    lastActivityUnixNano,
    traceCount,
    failedTraceCount,
    usage,
    cost,
    userIds,
  }) => html`<tr>
<td>${instant(lastActivityUnixNano)}</td>
<td><a href="${sessionPath(sessionId)}">${short(sessionId)}</a></td>
<td>${status}</td><td>${traceCount}</td><td>${failedTraceCount}</td><td>${usage.totalTokens}</td><td>${cost?.amount ?? ""}</td>
<td>${userIds.slice(0, 3).map(short).join(", ")}${userIds.length > 3 ? "…" : ""}</td>
</tr>`,
)}
</table>
${undecodable.map(({ sessionId, reason }) => html`<p>${short(sessionId)} cannot be understood: ${reason}</p>`)}
${next === undefined ? "" : html`<p><a href="/sessions?${String(next)}">Older</a></p>`}`,
  );
}

/** A session and the traces it lists, the last active first. */
export function sessionPage(session: SessionProjectionJson): Html {
  const { sessionId, traces, traceCount, usage, cost } = session;
  const facts: readonly (readonly [name: string, value: string])[] = [
    ["status", session.status],
    ["traces", `${traceCount}, ${session.failedTraceCount} failed`],
    ["spans", `${session.spanCount}, ${session.errorCount} with errors`],
    ["first start", instant(session.startTimeUnixNano)],
    ["last activity", instant(session.lastActivityUnixNano)],
    ["tokens", `${usage.inputTokens} in, ${usage.outputTokens} out, ${usage.totalTokens} in all`],
    ["USD", cost === null ? "unknown" : `${cost.amount}${cost.complete ? "" : ", and what has no price"}`],
    ["models", session.models.join(", ")],
    ["users", session.userIds.join(", ")],
  ];
  return layout(
    short(sessionId),
    html`<p><a href="/sessions">Sessions</a></p>
<h1>${sessionId}</h1>
<p class="faint">as <a href="/api${sessionPath(sessionId)}">JSON</a></p>
<table>
${facts.map(([name, value]) => html`<tr><th scope="row">${name}</th><td class="value">${value}</td></tr>`)}
</table>
<h2>Traces</h2>
<table>
<tr><th>Start</th><th>Name</th><th>Status</th><th>Spans</th><th>Tokens</th><th>USD</th></tr>
${traces.map(
  ({ traceId, name, status, startTimeUnixNano, spanCount, totalTokens, cost: traceCost }) => html`<tr>
<td>${instant(startTimeUnixNano)}</td>
<td><a href="/traces/${encodeURIComponent(traceId)}">${name === "" ? traceId : name}</a></td>
<td>${status}</td><td>${spanCount}</td><td>${totalTokens}</td><td>${traceCost ?? ""}</td>
</tr>`,
)}
</table>
${traces.length < traceCount ? html`<p class="faint">The last ${traces.length} of ${traceCount}.</p>` : ""}`,
  );
}

/** Ids may be long; a list need not be. */
function short(id: string): string {
  return id.length <= 80 ? id : `${id.slice(0, 79).toWellFormed()}…`;
}
