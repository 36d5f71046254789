export { type DemoOptions, type DemoTrace, demoTraces } from "./demoTraces.js";
