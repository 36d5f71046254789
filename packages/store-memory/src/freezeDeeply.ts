/**
 * Freezes what `structuredClone` made, and all it holds. Returns whether that makes it immutable: the contents of a `Map`, a
 * `Date` or a typed array stay changeable.
 */
export function freezeDeeply(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  // Seen before, for values may hold each other: what is to be said of it was said then.
  if (Object.isFrozen(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  Object.freeze(value);
  let immutable = true;
  for (const member of Object.values(value)) if (!freezeDeeply(member)) immutable = false;
  return immutable;
}
