export { readStandaloneConfig, type StandaloneConfig } from "./config.js";
export { type RunningStandalone, startStandalone } from "./standalone.js";
