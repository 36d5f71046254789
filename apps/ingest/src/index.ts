export { type IngestConfig, ingestVariables } from "./config.js";
export { type IngestDependencies, type RunningIngest, startIngest } from "./ingest.js";
