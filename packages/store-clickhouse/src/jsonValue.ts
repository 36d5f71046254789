/**
 * Throws for what JSON would drop, round or turn into something else: what comes back has to be what went in.
 * `undefined` members are fine, they come back as absent.
 */
export function assertJson(value: unknown, path: string): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${path} is ${value}, which JSON cannot hold.`);
      return;
    case "object":
      if (value !== null) assertJsonObject(value, path);
      return;
    default:
      throw new TypeError(`${path} is a ${typeof value}, which JSON cannot hold.`);
  }
}

function assertJsonObject(value: object, path: string): void {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertJson(value[i], `${path}[${i}]`);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // Plain objects of any realm: the prototype is null or has none itself.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    const kind = (value.constructor as { name?: string } | undefined)?.name ?? "special object";
    throw new TypeError(`${path} is a ${kind}, which would not come back from JSON as one.`);
  }
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) assertJson(member, `${path}.${key}`);
  }
}
