export { startContainerEngines } from "./containerEngines.js";
export type { ImageBuildOptions } from "./distributionImages.js";
export { freePort } from "./freePort.js";
export { startLocalRedis } from "./localRedis.js";
export { type ServerProcess, type ServerProcessOptions, startServerProcess } from "./serverProcess.js";
export type { Step } from "./step.js";
export { ensureSystemPackage, isOnPath, type SystemPackage } from "./systemPackage.js";
export { startTestEngines, type TestEngine, type TestEngines } from "./testEngines.js";
