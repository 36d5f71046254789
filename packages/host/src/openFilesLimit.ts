import { readFileSync } from "node:fs";

/** Where the system does not tell. */
const UNKNOWN = 1_024;

/** How many files and sockets this process may have open at once. */
export function openFilesLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(soft ?? UNKNOWN);
  } catch {
    return UNKNOWN;
  }
}
