export {
  type Access,
  type AccessConfig,
  accessVariables,
  type OpenAccessOptions,
  openAccess,
} from "./access.js";
export { type BackgroundStart, type BackgroundStartOptions, startInBackground } from "./backgroundStart.js";
export { Closers, type ClosersOptions } from "./closers.js";
export { ConfigurationError } from "./configurationError.js";
export { clickhouseVariables, queueName, queueVariables } from "./engineVariables.js";
export { type Environment, readEnvironment, variable } from "./environment.js";
export { createHealthRoutes, type HealthRoutes, type ReadinessCheck } from "./health.js";
export { heapShare } from "./heapShare.js";
export {
  assertPortIsFree,
  type HttpHandler,
  type HttpServerOptions,
  type ListenAddress,
  type RunningHttpServer,
  startHttpServer,
} from "./httpServer.js";
export { formatInstant, INSTANT_FORMAT, instantFault, parseInstant } from "./instant.js";
export { answerJson, createJsonApi, type JsonApiOptions, RequestError } from "./jsonApi.js";
export { createLogger, type Logger, type LoggerOptions } from "./logger.js";
export { isLoopbackHost, isSentToLoopback } from "./loopback.js";
export { openFilesLimit } from "./openFilesLimit.js";
export { type AppStart, type RunAppOptions, type RunningApp, runApp } from "./runApp.js";
export {
  OWN_TELEMETRY_ATTRIBUTE,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
} from "./telemetry.js";
export { type UntilReadyOptions, untilReady } from "./untilReady.js";
