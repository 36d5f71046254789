export { freePort } from "./freePort.js";
export { startLocalRedis } from "./localRedis.js";
export { ensureSystemPackage, isOnPath, type SystemPackage } from "./systemPackage.js";
export { startTestServices, type TestService, type TestServices } from "./testServices.js";
