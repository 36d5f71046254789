/** Freezes what `JSON.parse` made, and all it holds, so that many can be given it. Returns the value. */
export function freezeJson<TValue>(value: TValue): TValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) for (const item of value) freezeJson(item);
  else for (const key in value) freezeJson(value[key]);
  return Object.freeze(value);
}
