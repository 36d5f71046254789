import { createHash } from "node:crypto";
import { html, raw } from "hono/html";

/** What `html` gives: text in which everything that came from outside is escaped. */
export type Html = ReturnType<typeof html>;

const style = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent); padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; white-space: nowrap; }
td.value { white-space: pre-wrap; }
td.why { width: 48%; }
code { font: .9em ui-monospace, monospace; }
summary { cursor: pointer; }
summary, .faint { color: color-mix(in srgb, currentColor 65%, transparent); }
ul { margin: .3rem 0; padding-left: 1.1rem; }
li { margin: .15rem 0; }
nav { margin-bottom: 1rem; }
nav a { margin-right: .5rem; }
[aria-current] { font-weight: 600; text-decoration: none; color: inherit; }
.badge { border: 1px solid color-mix(in srgb, currentColor 30%, transparent); border-radius: .6rem; padding: 0 .5rem; font-size: .85em; white-space: nowrap; }
.llm, .embedding, .reranker { background: color-mix(in srgb, royalblue 22%, transparent); }
.agent, .chain { background: color-mix(in srgb, mediumpurple 22%, transparent); }
.tool, .retriever { background: color-mix(in srgb, seagreen 22%, transparent); }
.guardrail, .evaluator { background: color-mix(in srgb, darkorange 22%, transparent); }
:target { background: color-mix(in srgb, Highlight 25%, transparent); }
`;

/** Sent with every page: it loads nothing, runs nothing, and is shown in no frame. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function layout(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>${raw(style)}</style></head>
<body>${body}</body>
</html>`;
}
