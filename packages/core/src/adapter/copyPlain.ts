const asAssigned = { enumerable: true, configurable: true, writable: true };

/** Deeper values are given as they are: no store takes them. */
const MAX_DEPTH = 1_000;

/**
 * Copies arrays and plain objects, and all they hold. Everything else, such as texts, maps and instances of classes, is in the
 * copy as it is.
 */
export function copyPlain<TValue>(value: TValue): TValue {
  return copy(value, new Map(), 0) as TValue;
}

/** @param made the copies so far: what is held twice, or by itself, is copied once */
function copy(value: unknown, made: Map<object, unknown>, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return value;
  const before = made.get(value);
  if (before !== undefined) return before;
  if (Array.isArray(value)) {
    const items: unknown[] = new Array(value.length);
    made.set(value, items);
    for (let i = 0; i < value.length; i++) items[i] = copy(value[i], made, depth + 1);
    return items;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const members: Record<string, unknown> = prototype === null ? Object.create(null) : {};
  made.set(value, members);
  for (const key of Object.keys(value)) {
    const member = copy((value as Readonly<Record<string, unknown>>)[key], made, depth + 1);
    if (key !== "__proto__") members[key] = member;
    // To assign it would change the prototype.
    else Object.defineProperty(members, key, { value: member, ...asAssigned });
  }
  return members;
}
