/** Shorter ones are not worth a note in their place. */
export const LEAST_BYTES = 256;

/** Where encoded bytes stand in a text. */
export interface EncodedBytes {
  readonly start: number;
  readonly end: number;
  /** As a data URI has it. */
  readonly mediaType: string | undefined;
}

/** Lines of base64 are longer, but for the last. */
const LEAST_LINE = 60;

const ofBase64 = new Uint8Array(128);
for (const char of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") {
  ofBase64[char.charCodeAt(0)] = 1;
}
const [LINE_FEED, RETURN, QUOTE, APOSTROPHE] = [0x0a, 0x0d, 0x22, 0x27];
const [SLASH, COLON, EQUALS, BACKSLASH, SMALL_N, SMALL_R] = [0x2f, 0x3a, 0x3d, 0x5c, 0x6e, 0x72];
const [SPACE, CLOSING, LESS, GREATER, TICK] = [0x20, 0x29, 0x3c, 0x3e, 0x60];

/**
 * Finds what is encoded in a text, which may be JSON, with its slashes and line ends escaped: data URIs, and base64 in
 * one line or several, with capitals, small letters and digits, so that no long word is taken for it. In time linear in
 * the text, whatever it holds.
 */
export function* bytesIn(text: string): Generator<EncodedBytes, undefined> {
  let at = 0;
  while (at < text.length) {
    if (!isBase64(text.charCodeAt(at))) {
      at++;
      continue;
    }
    const start = at;
    at = endOfRun(text, at);
    if (text.charCodeAt(at) === COLON && at - start >= 4 && text.startsWith("data", at - 4)) {
      const uri = dataUriAt(text, at - 4);
      if (uri !== undefined) {
        at = uri.end;
        if (uri.end - uri.start >= LEAST_BYTES) yield uri;
        continue;
      }
    }
    at = endOfLines(text, start, at);
    if (at - start >= LEAST_BYTES && looksEncoded(text, start))
      yield { start, end: at, mediaType: undefined };
  }
  return undefined;
}

const uriHead = /data:([\w.+-]{1,127}\\?\/[\w.+-]{1,127})?(?:;[\w.+=-]{1,127}){0,8},/y;

function dataUriAt(text: string, start: number): EncodedBytes | undefined {
  uriHead.lastIndex = start;
  const head = uriHead.exec(text);
  if (head === null) return undefined;
  let end = uriHead.lastIndex;
  while (end < text.length && isOfUri(text, end)) end++;
  return { start, end, mediaType: head[1]?.replace("\\", "").slice(0, 64) };
}

function isOfUri(text: string, at: number): boolean {
  const char = text.charCodeAt(at);
  if (char === BACKSLASH) return text.charCodeAt(at + 1) === SLASH;
  if (char === QUOTE || char === APOSTROPHE || char === TICK) return false;
  // As in Markdown: `![](data:image/png;base64,…)`.
  return char > SPACE && char !== CLOSING && char !== LESS && char !== GREATER;
}

function endOfRun(text: string, start: number): number {
  let at = start;
  for (;;) {
    const char = text.charCodeAt(at);
    if (isBase64(char)) at++;
    else if (char === BACKSLASH && text.charCodeAt(at + 1) === SLASH) at += 2;
    else return at;
  }
}

/** The end of base64 whose first line ends here: of all lines that are as long as they are, and of a last one with padding. */
function endOfLines(text: string, start: number, endOfFirst: number): number {
  let [from, end] = [start, endOfFirst];
  for (;;) {
    const isLong = end - from >= LEAST_LINE;
    if (isLong) for (let i = 0; i < 2 && text.charCodeAt(end) === EQUALS; i++) end++;
    const next = isLong ? afterLineEnd(text, end) : end;
    if (next === end) return end;
    const endOfNext = endOfRun(text, next);
    if (endOfNext - next < LEAST_LINE) {
      return text.charCodeAt(endOfNext) === EQUALS
        ? endOfNext + (text.charCodeAt(endOfNext + 1) === EQUALS ? 2 : 1)
        : end;
    }
    [from, end] = [next, endOfNext];
  }
}

/** Past a line end, escaped or not; the same place if there is none. */
function afterLineEnd(text: string, at: number): number {
  const char = text.charCodeAt(at);
  if (char === RETURN || char === LINE_FEED) {
    return char === RETURN && text.charCodeAt(at + 1) === LINE_FEED ? at + 2 : at + 1;
  }
  if (char !== BACKSLASH) return at;
  const escaped = text.charCodeAt(at + 1);
  if (escaped === SMALL_N) return at + 2;
  return escaped === SMALL_R ? afterLineEnd(text, at + 2) : at;
}

function isBase64(char: number): boolean {
  return ofBase64[char] === 1;
}

/** Capitals, small letters and digits, side by side: neither a long word nor a line of dashes. */
function looksEncoded(text: string, from: number): boolean {
  const start = text.slice(from, from + LEAST_BYTES);
  return /[A-Z]/.test(start) && /[a-z]/.test(start) && /\d/.test(start);
}
