export { type WorkerConfig, workerVariables } from "./config.js";
export { startWorkerServer, type WorkerServerDependencies } from "./server.js";
export { type RunningWorker, startWorker, type WorkerDependencies } from "./worker.js";
