import { type Access, type Logger, type RunningApp, startHttpServer } from "@es/host";
import type { TraceStore } from "@es/trace-wiring";
import { getRequestListener } from "@hono/node-server";
import type { ConsoleConfig } from "./config.js";
import { ReadGate } from "./readGate.js";
import { createRoutes } from "./routes.js";

export interface ConsoleDependencies {
  readonly store: Pick<TraceStore, "reads" | "sessionReads" | "pageBytes" | "isReady">;
  readonly access: Pick<Access, "authorize" | "readiness">;
  readonly logger: Logger;
}

export interface RunningConsole extends RunningApp {
  /** `http://host:port`; the read API is at `/api/traces` and `/api/sessions`. */
  readonly url: string;
}

/** A session id of 16 384 characters takes 147 456 bytes in a URL, and a cursor that names it 131 074. */
const MAX_HEADER_BYTES = 160 * 1_024;

/** The read API over HTTP. */
export async function startConsole(
  config: ConsoleConfig,
  dependencies: ConsoleDependencies,
): Promise<RunningConsole> {
  const { store, access, logger } = dependencies;
  const onError = (error: unknown) => logger.error({ error }, "A request failed");
  const routes = createRoutes({
    repository: store.reads,
    sessions: store.sessionReads,
    access,
    gate: new ReadGate(config, store.pageBytes),
    onError,
  });
  const listener = getRequestListener(routes.fetch);
  const server = await startHttpServer({
    host: config.CONSOLE_HOST,
    port: config.CONSOLE_PORT,
    portVariable: "CONSOLE_PORT",
    maxHeaderBytes: MAX_HEADER_BYTES,
    async handler(request, response) {
      await listener(request, response);
    },
    readiness: { clickhouse: store.isReady, ...access.readiness },
    maxConnections: config.CONSOLE_MAX_CONNECTIONS,
    onError,
  });
  return {
    url: server.url,
    async stop() {
      server.beginDrain();
      await server.close();
    },
  };
}
