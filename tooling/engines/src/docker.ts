import { type CommandOptions, runCommand } from "./command.js";

/** A registry that says nothing for so long cannot be reached. */
const REGISTRY_SILENCE_MS = 30_000;

/** Runs the Docker client. The daemon is the one `DOCKER_HOST` names. */
export function docker(args: readonly string[], options?: CommandOptions): Promise<string> {
  return runCommand("docker", args, options);
}

export async function dockerIsUsable(): Promise<boolean> {
  try {
    await docker(["info", "--format", "{{.ServerVersion}}"], { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}

export async function imageExists(image: string): Promise<boolean> {
  try {
    await docker(["image", "inspect", image], { signal: AbortSignal.timeout(10_000) });
    return true;
  } catch {
    return false;
  }
}

/** Whether the image is here, now; it is pulled where a registry can be reached. */
export async function imageIsAvailable(image: string, signal?: AbortSignal): Promise<boolean> {
  if (await imageExists(image)) return true;
  try {
    // Not quietly: its progress tells a slow download from a registry that does not answer.
    await docker(["pull", image], { signal, silenceMs: REGISTRY_SILENCE_MS });
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
