export { type DemoOptions, type DemoTrace, demoTraces } from "./demoTraces.js";
export { buildResource, buildSpan } from "./spanBuilder.js";
