export { type ChildService, type ChildServiceOptions, startChildService } from "./childService.js";
export { startContainerServices } from "./containerServices.js";
export type { ImageBuildOptions } from "./distributionImages.js";
export { freePort } from "./freePort.js";
export { startLocalRedis } from "./localRedis.js";
export type { Step } from "./step.js";
export { ensureSystemPackage, isOnPath, type SystemPackage } from "./systemPackage.js";
export { startTestServices, type TestService, type TestServices } from "./testServices.js";
