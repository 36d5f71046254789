#!/usr/bin/env node
// CommonJS, because it is loaded without the thread pool: its size can still be set here, and every running statement holds a
// thread.
process.env.UV_THREADPOOL_SIZE ||= "32";
import("../dist/cli.js").then(
  ({ main }) => main(process.argv.slice(2)),
  (error) => {
    process.stderr.write(`clickhouse-embedded: ${error.message}\n`);
    process.exit(1);
  },
);
