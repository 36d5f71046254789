/** Freezes what `JSON.parse` made, and all it holds, so that many can be given it. Returns the value. */
export function freezeJson<TValue>(value: TValue): TValue {
  if (typeof value === "object" && value !== null) freezeObject(value as Readonly<Record<string, unknown>>);
  return value;
}

/** Asked only of objects: most of what JSON holds is none, and a call for each would cost more than to freeze. */
function freezeObject(value: Readonly<Record<string, unknown>> | readonly unknown[]): void {
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object" && item !== null) freezeObject(item);
  } else {
    for (const key in value) {
      const member = (value as Readonly<Record<string, unknown>>)[key];
      if (typeof member === "object" && member !== null)
        freezeObject(member as Readonly<Record<string, unknown>>);
    }
  }
  Object.freeze(value);
}
