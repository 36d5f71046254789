import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below what Linux and macOS give out for connections by themselves. */
const LEAST = 20_000;
const GREATEST = 32_000;

/**
 * A free port of the loopback interface for a server that will be down at times: not one the system could meanwhile give to a
 * connection, its own included.
 */
export async function stablePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(LEAST, GREATEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port was found between ${LEAST} and ${GREATEST}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
