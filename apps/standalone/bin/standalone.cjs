#!/usr/bin/env node
// The embedded engine works on Node's thread pool, whose size is read when it is first used: before any module is loaded.
process.env.UV_THREADPOOL_SIZE ??= "32";
import("../dist/main.js").catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
