import { randomUUID } from "node:crypto";

/**
 * A number that a JavaScript number cannot hold is parsed as an object with this one key and the number's text. The key
 * differs in every process, so that no request can contain it.
 */
const EXACT_NUMBER = `number-${randomUUID()}`;

/** Outside of strings: a number with 16 or more digits, the shortest that can be beyond 2^53. */
const MAYBE_INEXACT = /[:[,]\s*-?(?:\d{16}|(?=[\d.]{17,}[eE])\d+\.)/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * `JSON.parse`, except that a number of 16 or more digits keeps them all (see `exactNumberText`). Text without such numbers,
 * which is what OTLP exporters send since they quote 64-bit integers, costs one scan more than `JSON.parse`.
 *
 * @throws SyntaxError when the text is not JSON
 */
export function parseExactJson(text: string): unknown {
  if (!MAYBE_INEXACT.test(text)) return JSON.parse(text);
  try {
    return JSON.parse(wrapLongNumbers(text));
  } catch {
    // Positions in the message must be those of the text that was sent; a wrapped number changes none of its syntax.
    return JSON.parse(text);
  }
}

/** The digits of a number that `parseExactJson` kept as text; undefined for any other value. */
export function exactNumberText(value: object): string | undefined {
  const text = (value as Record<string, unknown>)[EXACT_NUMBER];
  return typeof text === "string" ? text : undefined;
}

function wrapLongNumbers(text: string): string {
  const parts: string[] = [];
  let pos = 0;
  while (pos < text.length) {
    const quote = text.indexOf('"', pos);
    const end = quote === -1 ? text.length : quote;
    parts.push(text.slice(pos, end).replace(NUMBER, wrapLongNumber));
    if (quote === -1) break;
    pos = endOfString(text, quote);
    parts.push(text.slice(quote, pos));
  }
  return parts.join("");
}

function wrapLongNumber(number: string): string {
  return number.length < 16 ? number : `{"${EXACT_NUMBER}":"${number}"}`;
}

/** The position after the string that starts at `quote`. */
function endOfString(text: string, quote: number): number {
  let pos = quote + 1;
  for (;;) {
    const close = text.indexOf('"', pos);
    if (close === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === 0x5c) backslashes++;
    pos = close + 1;
    if (backslashes % 2 === 0) return pos;
  }
}
