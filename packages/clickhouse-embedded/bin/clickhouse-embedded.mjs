#!/usr/bin/env node
// For callers that start this file by name. Here the size of the thread pool must come from the environment.
import { main } from "../dist/cli.js";

await main(process.argv.slice(2));
