// The engines of tests, as they are built: only after `build()`.

/** @returns {Promise<typeof import("@es/tooling-engines")>} */
export function engines() {
  // A URL, not a path: a checkout's own path may hold a `#` or a `%`.
  return import(new URL("../engines/dist/index.js", import.meta.url).href);
}
