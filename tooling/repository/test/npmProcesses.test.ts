import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bootstrap = join(root, "tooling/run/bootstrap.mjs");

const folders: string[] = [];
const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    // Everything npm started is in its group or a group of its own, whose number is in the folder.
    if (child.pid !== undefined) killQuietly(-child.pid);
  }
  for (const folder of folders.splice(0)) {
    for (const name of ["service", "redis", "command"]) {
      const pid = pidIn(folder, name);
      if (pid !== undefined) killQuietly(pid);
    }
    rmSync(folder, { recursive: true, force: true });
  }
});

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function pidIn(folder: string, name: string): number | undefined {
  const file = join(folder, `${name}.pid`);
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that nobody waited for is dead, too.
    return !/^State:\s+Z/m.test(
      existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "",
    );
  } catch {
    return false;
  }
}

async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs `npm start` in a package whose command is one of ours: npm → sh → node → what `command` starts. */
function npmStart(command: string): {
  readonly npm: ChildProcess;
  readonly folder: string;
  output(): string;
} {
  const folder = mkdtempSync(join(tmpdir(), "es-npm-"));
  folders.push(folder);
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "started", private: true, scripts: { start: "node command.mjs" } }),
  );
  writeFileSync(
    join(folder, "command.mjs"),
    `import { writeFileSync } from "node:fs";
     import { runForeground, timed } from ${JSON.stringify(bootstrap)};
     process.chdir(${JSON.stringify(folder)});
     writeFileSync("command.pid", String(process.pid));
     ${command}`,
  );
  const npm = spawn("npm", ["start"], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      INGEST_PORT: "0",
      CONSOLE_PORT: "0",
      WORKER_PORT: "0",
      DATA_DIR: join(folder, "data"),
    },
  });
  started.push(npm);
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  }
  return { npm, folder, output: () => output };
}

const standalone = JSON.stringify(join(root, "apps/standalone/bin/standalone.cjs"));
const runsStandalone = `process.exit(await runForeground(process.execPath, [${standalone}]));`;

describe("npm start", () => {
  it.each([
    ["SIGTERM to npm", "SIGTERM", "npm"],
    ["SIGKILL to npm", "SIGKILL", "npm"],
    ["SIGTERM to the command below npm", "SIGTERM", "command"],
    ["SIGKILL to the command below npm", "SIGKILL", "command"],
  ] as const)(
    "ends as a whole, and frees its ports and its data: %s",
    { timeout: 120_000 },
    async (_, signal, target) => {
      const { npm, folder, output } = npmStart(runsStandalone);
      const address = /OTLP\/HTTP\s+(http:\/\/\S+?)\/v1/;
      await until("the addresses", () => address.test(output()));
      const url = address.exec(output())?.[1] as string;
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      const pid = Number(
        /^PID: (\d+)/m.exec(readFileSync(join(folder, "data/clickhouse/status"), "utf8"))?.[1],
      );
      writeFileSync(join(folder, "service.pid"), String(pid));
      process.kill(target === "npm" ? (npm.pid as number) : (pidIn(folder, "command") as number), signal);
      await until("the end of the service", () => !isAlive(pid));
      await expect(fetch(`${url}/healthz`)).rejects.toThrow();
      await until("the end of the command", () => !isAlive(pidIn(folder, "command") as number));
      // It drained: the engine gave its lock back, which a killed one leaves behind.
      expect(existsSync(join(folder, "data/clickhouse/status"))).toBe(false);
    },
  );

  it("leaves no process of a command that npm loses before the service runs", {
    timeout: 120_000,
  }, async () => {
    // A shell that starts another process, as build tools do.
    const { npm, folder } = npmStart(
      `process.exit(await runForeground("sh", ["-c", "sleep 300 & echo $! > $0/service.pid; wait", process.cwd()]));`,
    );
    await until("the sleeper", () => !Number.isNaN(pidIn(folder, "service") ?? Number.NaN));
    npm.kill("SIGTERM");
    await until("the end of the sleeper", () => !isAlive(pidIn(folder, "service") as number));
    await until("the end of the command", () => !isAlive(pidIn(folder, "command") as number));
  });

  it("leaves no engine of tests whose process is killed", { timeout: 180_000 }, async () => {
    const [clickhouse, redis] = ["localClickHouse", "localRedis"].map((name) =>
      JSON.stringify(join(root, `tooling/engines/dist/${name}.js`)),
    );
    const { folder } = npmStart(
      `const { startLocalClickHouse } = await import(${clickhouse});
       const { startLocalRedis } = await import(${redis});
       const [clickhouse, redis] = [await startLocalClickHouse(), await startLocalRedis()];
       writeFileSync("redis.pid", String(redis.pid));
       writeFileSync("service.pid", String(clickhouse.pid));
       setInterval(() => {}, 1000);`,
    );
    await until("the engines", () => pidIn(folder, "service") !== undefined);
    // Whoever is killed removes nothing.
    for (const name of ["service", "redis"]) {
      const commandLine = `/proc/${pidIn(folder, name)}/cmdline`;
      const data = existsSync(commandLine)
        ? /--(?:data-)?dir\0([^\0]+)/.exec(readFileSync(commandLine, "utf8"))
        : null;
      if (data?.[1] !== undefined) folders.push(data[1]);
    }
    process.kill(pidIn(folder, "command") as number, "SIGKILL");
    for (const name of ["service", "redis"])
      await until(`the end of ${name}`, () => !isAlive(pidIn(folder, name) as number));
  });
});
