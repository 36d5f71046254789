export { type ConsoleConfig, consoleVariables } from "./config.js";
export { type ConsoleDependencies, type RunningConsole, startConsole } from "./console.js";
