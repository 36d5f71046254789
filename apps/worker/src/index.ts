export { type WorkerConfig, workerVariables } from "./config.js";
export { startWorker, type WorkerDependencies } from "./worker.js";
