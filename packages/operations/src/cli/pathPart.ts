import { usageError } from "./cliError.js";

/**
 * A part of a path, encoded. No id or name of operations is `.` or `..`, which HTTP clients take for steps in the path: the
 * request would go elsewhere.
 *
 * @throws CliError for these, and for none
 */
export function pathPart(text: string): string {
  if (["", ".", ".."].includes(text)) throw usageError(`${JSON.stringify(text)} is not an id or a name`);
  return encodeURIComponent(text.toWellFormed());
}
