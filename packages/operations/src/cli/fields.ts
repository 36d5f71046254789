import { onOneLine } from "./printable.js";

/** Name and value of each, one below the other. What is `undefined`, `null` or empty is left out. */
export function formatFields(
  fields: Readonly<Record<string, string | number | boolean | null | undefined>>,
): string {
  const given = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== null && value !== "",
  );
  const width = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}  ${onOneLine(String(value))}`).join("\n");
}
