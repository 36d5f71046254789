import type { IncomingMessage, ServerResponse } from "node:http";

/** Resolves when the dependency works, with a note if there is something to say of it; rejects with the reason when it doesn't. */
export type ReadinessCheck = () => Promise<void> | Promise<string | undefined>;

export interface HealthRoutes {
  /** Answers `/healthz` and `/readyz`; resolves with whether it did. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  beginDrain(): void;
}

const CHECK_TIMEOUT_MS = 3_000;

/** `/healthz`: the process lives. `/readyz`: it can do its work, with the state of each dependency. */
export function createHealthRoutes(checks: Readonly<Record<string, ReadinessCheck>>): HealthRoutes {
  let draining = false;
  return {
    beginDrain() {
      draining = true;
    },
    async handle(request, response) {
      const path = request.url?.split("?", 1)[0];
      if (path !== "/healthz" && path !== "/readyz") return false;
      request.resume();
      if (path === "/healthz") {
        reply(response, 200, { status: "ok" });
      } else if (draining) {
        reply(response, 503, { status: "draining" });
      } else {
        const states = await Promise.all(
          Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
        );
        const ready = states.every(([, { works }]) => works);
        reply(response, ready ? 200 : 503, {
          status: ready ? "ok" : "unavailable",
          checks: Object.fromEntries(states.map(([name, { text }]) => [name, text])),
        });
      }
      return true;
    },
  };
}

async function stateOf(check: ReadinessCheck): Promise<{ readonly works: boolean; readonly text: string }> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    const note = await Promise.race([check(), timeout]);
    return { works: true, text: typeof note === "string" ? `ok: ${note}` : "ok" };
  } catch (error) {
    return { works: false, text: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}
