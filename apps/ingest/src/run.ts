import { runApp } from "@es/host";
import { readIngestAppConfig } from "./config.js";
import { startIngestApp } from "./ingestApp.js";

await runApp({ name: "ingest", config: readIngestAppConfig, start: startIngestApp });
