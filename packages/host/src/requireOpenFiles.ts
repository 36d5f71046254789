import { openFilesLimit } from "./openFilesLimit.js";

/**
 * Ends the process with a sentence if it may open too few files to work. To be called before the modules of an app are loaded: that
 * alone opens dozens of files at once, and fails in ways that do not say so. This module loads nothing of ours but the limit.
 */
export function requireOpenFiles(needed: number): void {
  const limit = openFilesLimit();
  if (limit >= needed) return;
  process.stderr.write(
    `This process may open ${limit} files and connections at once and needs at least ${needed}. Raise the limit before the start, for instance with \`ulimit -n ${Math.max(1024, needed)}\`.\n`,
  );
  process.exit(1);
}
