import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DefenceName, defenceNamed } from "./defences.js";

/** A defence that is still there proves nothing: each of its changes must have been loaded by some app. */
export async function assertDefencesRemoved(folder: string, without: readonly DefenceName[]): Promise<void> {
  if (without.length === 0) return;
  const logs = join(folder, "logs");
  const files = await readdir(logs);
  const printed = (await Promise.all(files.map((file) => readFile(join(logs, file), "utf8")))).join("\n");
  for (const name of without) {
    for (const { module } of defenceNamed(name).changes) {
      if (printed.includes(`Without defence ${name} ${module}\n`)) continue;
      throw new Error(`No app has loaded ${module}, so the defence ${name} was not removed.`);
    }
  }
}
