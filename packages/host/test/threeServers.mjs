// An app of three servers, for runApp.test.ts. It tells what it opens and closes, one line each.
import { setTimeout as sleep } from "node:timers/promises";
import { runApp, startHttpServer } from "@es/host";

const { PORTS = "", SLOW_MS = "0", UNCLOSABLE = "", ENDLESS = "" } = process.env;
const tell = (line) => process.stdout.write(`${line}\n`);

await runApp({
  name: "three-servers",
  config: () => ({ ports: PORTS.split(",").map(Number) }),
  drainTimeoutMs: ENDLESS === "" ? 60_000 : 300,
  async start({ ports }, { closers, signal }) {
    for (const [index, port] of ports.entries()) {
      const name = `server ${index + 1}`;
      tell(`opening ${name}`);
      await sleep(Number(SLOW_MS));
      const server = await startHttpServer({
        host: "127.0.0.1",
        port,
        portVariable: "PORTS",
        handler: (_request, response) => void response.end(),
        readiness: {},
        onError: tell,
      });
      closers.add(async () => {
        await server.close();
        if (name === ENDLESS) await sleep(60_000);
        if (name === UNCLOSABLE) throw new Error(`${name} is stuck`);
        tell(`closed ${name}`);
      });
    }
    tell(signal.aborted ? "started, and told to stop" : "started");
  },
});
