export type { GenerationFailureListener } from "./generationFailures.js";
export type { KeptProjections } from "./keptProjections.js";
export { sessionSchedule } from "./sessionSchedule.js";
export type { StoreNeed } from "./storeProbe.js";
export {
  createTraceGenerations,
  type TraceGenerations,
  type TraceGenerationsOptions,
  type TraceHandler,
} from "./traceGenerations.js";
export {
  readTraceProjectionOptions,
  type TraceProjectionConfig,
  traceProjectionVariables,
} from "./traceProjectionSettings.js";
export {
  createTraceSessions,
  type ScheduleSessions,
  type TraceSessions,
  type TraceSessionsOptions,
} from "./traceSessions.js";
export {
  openTraceStore,
  type TraceStore,
  type TraceStoreConfig,
  type TraceStoreOptions,
} from "./traceStore.js";
