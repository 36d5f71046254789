import { realpathSync } from "node:fs";
import type { LoadHook } from "node:module";
import { pathToFileURL } from "node:url";
import { changedFile, changeSource, defenceNamed, type SourceChange } from "./defences.js";

interface Removal {
  readonly name: string;
  readonly change: SourceChange;
}

const removals = new Map<string, Removal[]>();
for (const name of (process.env.CHAOS_WITHOUT ?? "").split(",").filter((one) => one !== "")) {
  for (const change of defenceNamed(name).changes) {
    const url = pathToFileURL(realpathSync(changedFile(change))).href;
    removals.set(url, [...(removals.get(url) ?? []), { name, change }]);
  }
}

/** Changes the source of the modules that hold a removed defence. A change that does not fit keeps the app from starting. */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  const mine = removals.get(url);
  if (mine === undefined) return loaded;
  let source = String(loaded.source);
  for (const { name, change } of mine) {
    source = changeSource(source, change);
    source += `\nprocess.stderr.write(${JSON.stringify(`${REMOVED}${name} ${change.module}\n`)});\n`;
  }
  return { ...loaded, source };
};

/** How an app's log says that it runs without a defence. */
const REMOVED = "Without defence ";
