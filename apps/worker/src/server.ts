import {
  isLoopbackHost,
  type Logger,
  type ReadinessCheck,
  type RunningHttpServer,
  startHttpServer,
} from "@es/host";
import { createOperationsRoutes, type OperationsDependencies } from "@es/operations";
import { getRequestListener } from "@hono/node-server";
import type { WorkerConfig } from "./config.js";

export interface WorkerServerDependencies {
  readonly operations: OperationsDependencies;
  readonly readiness: Readonly<Record<string, ReadinessCheck>>;
  readonly logger: Logger;
}

/** A worker's port: its health and its operations. @throws ConfigurationError if the port is taken */
export async function startWorkerServer(
  config: Pick<WorkerConfig, "WORKER_HOST" | "WORKER_PORT" | "OPERATIONS_TOKEN">,
  { operations, readiness, logger }: WorkerServerDependencies,
): Promise<RunningHttpServer> {
  const { WORKER_HOST: host, WORKER_PORT: port, OPERATIONS_TOKEN: token } = config;
  const onError = (error: unknown) => logger.error({ error }, "A request failed");
  const listener = getRequestListener(
    createOperationsRoutes({ ...operations, host, ...(token === undefined ? {} : { token }), onError }).fetch,
  );
  if (token === undefined && !isLoopbackHost(host)) {
    logger.warn(
      { host },
      "Operations are refused: set OPERATIONS_TOKEN, or listen on a loopback WORKER_HOST",
    );
  }
  return startHttpServer({
    host,
    port,
    portVariable: "WORKER_PORT",
    async handler(request, response) {
      await listener(request, response);
    },
    readiness,
    onError,
  });
}
