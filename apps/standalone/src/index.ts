export { readStandaloneConfig, type StandaloneConfig } from "./config.js";
export { type StandaloneAddresses, type StandaloneStart, startStandalone } from "./standalone.js";
