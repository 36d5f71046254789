import type { IncomingMessage } from "node:http";

/** Headers that say who sends and what. Node.js keeps the first of several; a proxy may have read another. */
const SINGLE = ["authorization", "x-api-key", "content-type", "content-encoding", "content-length", "host"];

/** The name of a header that a request brings with two different values although it has only one; undefined for none. */
export function repeatedHeader({ headersDistinct }: IncomingMessage): string | undefined {
  return SINGLE.find((name) => {
    const values = headersDistinct[name];
    return values !== undefined && values.length > 1 && values.some((value) => value !== values[0]);
  });
}
