import { startHttpServer } from "@es/host";
import { ProjectionQueueMemory } from "@es/queue-memory";
import { getRequestListener } from "@hono/node-server";
import { main } from "../src/cli/main.js";
import { createOperationsRoutes, type OperationsDependencies } from "../src/index.js";

export interface RunningOperations {
  readonly url: string;
  /** What `onError` was told of. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

/** The operations API on a port of its own. What is not given works on an empty memory queue. */
export async function serveOperations(
  dependencies: Partial<OperationsDependencies> = {},
  access: { readonly host?: string; readonly token?: string } = {},
): Promise<RunningOperations> {
  const errors: unknown[] = [];
  const queue = new ProjectionQueueMemory();
  const routes = createOperationsRoutes({
    queue,
    reconcile: async () => 0,
    host: "127.0.0.1",
    onError: (error) => errors.push(error),
    ...dependencies,
    ...access,
  });
  const listener = getRequestListener(routes.fetch);
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    portVariable: "PORT",
    handler: async (request, response) => void (await listener(request, response)),
    readiness: {},
    onError: (error) => errors.push(error),
  });
  return {
    url: server.url,
    errors,
    async close() {
      await server.close();
      await queue.close();
    },
  };
}

/** The command line in this process. */
export async function es(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, environment, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}
