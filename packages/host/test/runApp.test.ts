import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./threeServers.mjs", import.meta.url));

/** Three servers in a process of their own. `signalAt` sends SIGTERM once it has told that line. */
async function run(environment: Readonly<Record<string, string>>, ...signalAt: string[]) {
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, PORTS: "0,0,0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const waiting = [...signalAt];
  child.stdout.on("data", (data: Buffer) => {
    while (waiting[0] !== undefined && String(data).split("\n").includes(waiting[0])) {
      waiting.shift();
      child.kill("SIGTERM");
    }
  });
  const [told, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit") as Promise<[number | null]>,
  ]);
  return { lines: told.trim().split("\n"), errors, code };
}

const taken: Server[] = [];
async function takenPort(): Promise<number> {
  const server = createServer();
  taken.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
afterEach(() => {
  for (const server of taken.splice(0)) server.close();
});

describe("runApp", { timeout: 60_000 }, () => {
  it.each([
    [1, ["opening server 1"]],
    [2, ["opening server 1", "opening server 2", "closed server 1"]],
    [3, ["opening server 1", "opening server 2", "opening server 3", "closed server 2", "closed server 1"]],
  ])("closes what was opened, last first, when step %i of the start fails", async (step, expected) => {
    const port = await takenPort();
    const ports = [1, 2, 3].map((each) => (each === step ? port : 0)).join(",");
    const { lines, errors, code } = await run({ PORTS: ports });
    expect(lines).toEqual(expected);
    expect(errors).toBe(
      `Port ${port} on 127.0.0.1 is taken by another process. Stop it, or choose another port with PORTS.\n`,
    );
    expect(code).toBe(1);
  });

  it("closes everything when it is told to stop, and ends with 0", async () => {
    const { lines, errors, code } = await run({}, "started");
    expect(lines.slice(-4)).toEqual(["started", "closed server 3", "closed server 2", "closed server 1"]);
    expect(errors).toContain('"msg":"Stopped"');
    expect(code).toBe(0);
  });

  it("finishes a step of the start that is under way, closes everything, and ends with 0", async () => {
    const { lines, code } = await run({ SLOW_MS: "50" }, "opening server 2");
    expect(lines.slice(-4)).toEqual([
      "started, and told to stop",
      "closed server 3",
      "closed server 2",
      "closed server 1",
    ]);
    expect(code).toBe(0);
  });

  it("closes what was opened when a start fails after it was told to stop, and ends with 0", async () => {
    const ports = `0,0,${await takenPort()}`;
    const { lines, errors, code } = await run({ PORTS: ports, SLOW_MS: "50" }, "opening server 2");
    expect(lines.slice(-2)).toEqual(["closed server 2", "closed server 1"]);
    expect(errors).toContain("The start was given up");
    expect(code).toBe(0);
  });

  it("closes the others when one part cannot be closed, says why, and ends with 1", async () => {
    const { lines, errors, code } = await run({ UNCLOSABLE: "server 2" }, "started");
    expect(lines.slice(-2)).toEqual(["closed server 3", "closed server 1"]);
    expect(errors).toContain("server 2 is stuck");
    expect(code).toBe(1);
  });

  it("keeps the reason of a failed start when closing fails, too", async () => {
    const ports = `0,0,${await takenPort()}`;
    const { lines, errors, code } = await run({ PORTS: ports, UNCLOSABLE: "server 2" });
    expect(lines.at(-1)).toBe("closed server 1");
    expect(errors).toContain("is taken by another process");
    expect(errors).toContain("server 2 is stuck");
    expect(code).toBe(1);
  });

  it("ends with 1 when closing takes longer than it may", async () => {
    const { lines, errors, code } = await run({ ENDLESS: "server 2" }, "started");
    expect(lines.at(-1)).toBe("closed server 3");
    expect(errors).toContain("The drain took too long");
    expect(code).toBe(1);
  });

  it("ends at once at the second signal", async () => {
    const { code } = await run({ ENDLESS: "server 2" }, "started", "closed server 3");
    expect(code).toBe(130);
  });
});
