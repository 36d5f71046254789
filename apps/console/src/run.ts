import { runApp } from "@es/host";
import { readConsoleAppConfig } from "./config.js";
import { startConsoleApp } from "./consoleApp.js";

await runApp({ name: "console", config: readConsoleAppConfig, start: startConsoleApp });
