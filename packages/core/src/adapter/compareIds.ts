/**
 * The order of ids, everywhere: by code point, which is the order of their UTF-8 bytes and so of a database. Negative
 * when `a` comes first, as `Array.prototype.sort` wants it.
 *
 * JavaScript's own order, by UTF-16 code units, puts an emoji before U+FF5E.
 */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let place = 0; place < length; place++) {
    const left = a.charCodeAt(place);
    const right = b.charCodeAt(place);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points beyond all that one code unit can be. */
function rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}
