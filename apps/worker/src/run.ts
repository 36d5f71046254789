import { runApp } from "@es/host";
import { readWorkerAppConfig } from "./config.js";
import { startWorkerApp } from "./workerApp.js";

await runApp({ name: "worker", config: readWorkerAppConfig, start: startWorkerApp });
