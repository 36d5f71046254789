/** By UTF-8 bytes, as listings are ordered. JavaScript's own order differs past U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
