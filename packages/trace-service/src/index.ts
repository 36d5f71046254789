export { openTraceStore, type TraceStore, type TraceStoreConfig } from "./traceStore.js";
