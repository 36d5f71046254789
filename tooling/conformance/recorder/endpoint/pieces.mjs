/** A text in the pieces a model streams it in: words with the space before them. */
export function pieces(text) {
  return text.match(/\s*\S+/g) ?? [];
}

/** Server-sent events. */
export function sse(data, event) {
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

export const sseHeaders = { "content-type": "text/event-stream; charset=utf-8" };
