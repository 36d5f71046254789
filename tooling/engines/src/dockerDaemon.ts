import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runCommand } from "./command.js";
import { docker, dockerIsUsable } from "./docker.js";
import { ensureSystemPackage, isOnPath } from "./systemPackage.js";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
/** Of root, on a file system without history: sockets and what containers need while they run. */
const RUN_DIR = "/run/es-test-docker";
const BRIDGE = "/sys/class/net/docker0";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
const ADVICE =
  "The container tests need Docker: start a daemon or set DOCKER_HOST; on Debian, as root, they install and start one themselves.";

export interface DockerDaemon {
  readonly version: string;
  /** Whose daemon it is, for the run's summary. */
  readonly source: string;
  close(): Promise<void>;
}

/**
 * The Docker daemon that answers; else one of our own, until `close()`: images stay below the repository's node_modules, and
 * nothing of it is reachable from other machines. Sets `DOCKER_HOST` meanwhile. One process at a time has it, others wait.
 * @throws with what to do, where none answers and none can be started
 */
export async function ensureDockerDaemon(signal?: AbortSignal): Promise<DockerDaemon> {
  if (await dockerIsUsable()) {
    return { version: await serverVersion(), source: "the daemon that runs here", close: async () => {} };
  }
  if (process.env.DOCKER_HOST) throw new Error(`No Docker daemon answers at DOCKER_HOST. ${ADVICE}`);
  if (process.platform !== "linux" || process.getuid?.() !== 0) throw new Error(ADVICE);
  await ensureSystemPackage({ command: "dockerd", aptPackage: "docker.io", advice: ADVICE });
  // Newer distributions have the client apart.
  if (!(await isOnPath("docker"))) {
    await ensureSystemPackage({ command: "docker", aptPackage: "docker-cli", advice: ADVICE });
  }
  const unlock = await lock(signal);
  try {
    const daemon = await startDaemon(signal);
    return {
      ...daemon,
      close: async () => {
        try {
          await daemon.close();
        } finally {
          // Else its server keeps this process alive.
          await unlock();
        }
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startDaemon(signal: AbortSignal | undefined): Promise<DockerDaemon> {
  const dataDir = join(repository, "node_modules/.cache/es-test-docker");
  mkdirSync(dataDir, { recursive: true });
  const pidFile = join(RUN_DIR, "dockerd.pid");
  const logFile = join(RUN_DIR, "dockerd.log");
  // Two daemons would give out the same addresses on one bridge.
  const bridgeIsOurs = (await endLeftover(pidFile)) || !existsSync(BRIDGE);
  await removeRunFolder(dataDir);
  mkdirSync(RUN_DIR, { recursive: true, mode: 0o700 });

  const log = openSync(logFile, "w");
  const address = `unix://${RUN_DIR}/docker.sock`;
  const child = spawn(
    "dockerd",
    [
      ...["--data-root", dataDir, "--exec-root", join(RUN_DIR, "exec"), "--pidfile", pidFile],
      ...["--host", address, "--log-level", "warn"],
      // Ports are mapped by a proxy on the loopback interface: the machine's firewall and routing stay as they are.
      ...[
        "--iptables=false",
        "--ip6tables=false",
        "--ip-masq=false",
        "--ip-forward=false",
        "--ip",
        "127.0.0.1",
      ],
    ],
    // A terminal's interrupt is for us: the daemon ends last.
    { stdio: ["ignore", log, log], detached: true },
  );
  closeSync(log);
  const failure = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, killed) => resolve(`ended with ${killed ?? `code ${code}`}`));
  });
  const endWithUs = () => child.kill("SIGTERM");
  process.once("exit", endWithUs);
  const restoreEnvironment = setEnvironment({
    DOCKER_HOST: address,
    // Where this machine is a container itself, Testcontainers would look for ports on the bridge.
    TESTCONTAINERS_HOST_OVERRIDE: "127.0.0.1",
  });
  const close = async () => {
    restoreEnvironment();
    await end(child);
    process.removeListener("exit", endWithUs);
    // The daemon leaves it behind; without the command, it stays, unused.
    if (bridgeIsOurs) await runCommand("ip", ["link", "delete", "docker0"]).catch(() => {});
    await removeRunFolder(dataDir);
  };
  try {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await dockerIsUsable())) {
      const ended = await Promise.race([failure, sleep(200)]);
      if (ended === undefined && Date.now() < deadline) {
        signal?.throwIfAborted();
        continue;
      }
      const lines = readFileSync(logFile, "utf8").trim().split("\n").slice(-20).join("\n");
      throw new Error(`dockerd ${ended ?? `did not answer within ${START_TIMEOUT_MS / 1_000} s`}:\n${lines}`);
    }
    // What a killed run left behind: all of this daemon's containers are ours.
    await docker(["container", "prune", "--force"], { signal });
    return { version: await serverVersion(), source: "a daemon of this run", close };
  } catch (error) {
    await close();
    throw error;
  }
}

function setEnvironment(values: Readonly<Record<string, string>>): () => void {
  const earlier = { ...process.env };
  Object.assign(process.env, values);
  return () => {
    for (const name of Object.keys(values)) {
      if (earlier[name] === undefined) delete process.env[name];
      else process.env[name] = earlier[name];
    }
  };
}

async function serverVersion(): Promise<string> {
  return (await docker(["version", "--format", "{{.Server.Version}}"])).trim();
}

/**
 * A daemon outlives a run that was killed. It is known by its process id and its command line.
 * @returns whether there was one
 */
async function endLeftover(pidFile: string): Promise<boolean> {
  const pid = readIfThere(pidFile)?.trim();
  const isOurs = () => pid && readIfThere(`/proc/${pid}/cmdline`)?.includes(pidFile);
  if (!isOurs()) return false;
  process.kill(Number(pid), "SIGTERM");
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (isOurs()) {
    if (Date.now() > deadline)
      throw new Error(`The dockerd of an earlier run, process ${pid}, does not end.`);
    await sleep(200);
  }
  return true;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Removes `RUN_DIR`. A daemon that was killed leaves mounts in it and below its images, which no file can be removed under. */
async function removeRunFolder(dataDir: string): Promise<void> {
  const below = (folder: string) => (path: string) => path === folder || path.startsWith(`${folder}/`);
  const mounted = (readIfThere("/proc/self/mounts") ?? "")
    .split("\n")
    .map((line) => (line.split(" ")[1] ?? "").replaceAll("\\040", " "))
    .filter((path) => below(RUN_DIR)(path) || below(dataDir)(path));
  // What was mounted last may be in what was mounted first.
  for (const path of mounted.toReversed()) await runCommand("umount", ["--lazy", path]);
  await rm(RUN_DIR, { recursive: true, force: true });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/** Holds a name of the kernel's, which is free again when this process ends, however it ends. */
async function lock(signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  for (let waiting = false; ; waiting = true) {
    const server = createServer();
    const held = await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "EADDRINUSE") resolve(false);
        else reject(error);
      });
      server.listen("\0es-test-docker", () => resolve(true));
    });
    if (held) return () => new Promise((resolve) => server.close(() => resolve()));
    if (!waiting) process.stderr.write("Waiting for another run that has the containers' daemon…\n");
    await sleep(1_000, undefined, { signal });
  }
}
