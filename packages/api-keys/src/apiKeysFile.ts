import { readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { warningListener } from "@es/core/adapter";
import type { ApiKeyEntry } from "./apiKeyEntry.js";
import { ApiKeyRing } from "./apiKeyRing.js";
import { ApiKeysError } from "./apiKeysError.js";
import { parseApiKeys } from "./parseApiKeys.js";

export interface ApiKeysFileOptions {
  /** Between two looks at the file, milliseconds. @default 1000 */
  readonly intervalMs?: number;
  /** Called with the keys of every change that was taken over. */
  readonly onReload?: (ring: ApiKeyRing) => void;
  /**
   * Gets why a change was not taken over; the keys from before stay. Once for each state of the file.
   * @default a warning of the process
   */
  readonly onError?: (error: ApiKeysError) => void;
}

/** Keys in a file that may change while they are used. */
export interface ApiKeysFile {
  /** The keys of the newest state of the file that could be read. */
  ring(): ApiKeyRing;
  /** Why the file as it is now is not used, such as that it is gone; undefined while it is. */
  problem(): ApiKeysError | undefined;
  /** Reads the file now, whether it seems changed or not. Never rejects: what is wrong goes to `onError`. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Reads the file, and again whenever it changes.
 *
 * It is looked at by its path, not watched by the operating system: a watch stays with the file that was there first, and
 * misses what editors (write and rename), Kubernetes (a symbolic link two folders up) and network file systems do.
 *
 * Once it was read, a file that is gone, broken or not readable changes nothing: the keys stay, and `problem()` says why.
 * A file that is empty, or has no keys, has revoked them all. An empty file must be empty at two looks in turn, for that is
 * how a file looks while it is written in place.
 *
 * @throws ApiKeysError when it cannot be read now
 */
export async function openApiKeysFile(path: string, options: ApiKeysFileOptions = {}): Promise<ApiKeysFile> {
  const { intervalMs = 1_000, onReload, onError = warningListener("openApiKeysFile") } = options;
  const closing = new AbortController();
  // Before the keys are read: a change in between is seen at the next look.
  let seen = await stateOf(path);
  let ring = new ApiKeyRing(await read(path));
  /** A state that could not be read. A file may be seen while it is being written, so that the first look says nothing. */
  let broken: { readonly state: string; readonly error: ApiKeysError; reported: boolean } | undefined;
  let busy: Promise<void> = Promise.resolve();

  /** One at a time, so that an older state cannot replace a newer one. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    busy = busy.then(work);
    return busy;
  };

  function use(entries: readonly ApiKeyEntry[], state: string): void {
    ring = new ApiKeyRing(entries);
    seen = state;
    broken = undefined;
    onReload?.(ring);
  }

  async function take(state: string, atOnce: boolean): Promise<void> {
    try {
      use(await read(path), state);
    } catch (cause) {
      const error = cause as ApiKeysError;
      const isSettled = atOnce || broken?.state === state;
      if (isSettled && error instanceof EmptyFileError) return use([], state);
      if (broken?.state !== state) broken = { state, error, reported: false };
      if (broken.reported || !isSettled) return;
      broken.reported = true;
      onError(broken.error);
    }
  }

  async function look(): Promise<void> {
    const state = await stateOf(path);
    if (state === seen) broken = undefined;
    else await take(state, false);
  }

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      if (!closing.signal.aborted) await inTurn(look);
    }
  }

  const watching = watch();
  return {
    ring: () => ring,
    problem: () => (broken?.reported === true ? broken.error : undefined),
    reload: () =>
      inTurn(async () => {
        broken = undefined;
        await take(await stateOf(path), true);
      }),
    async close() {
      closing.abort();
      await watching;
    },
  };
}

class EmptyFileError extends ApiKeysError {}

/** Changes whenever the file behind the path does, also when it is written in place with its old time restored. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch (error) {
    return reasonOf(error);
  }
}

async function read(path: string) {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new ApiKeysError(`The API keys in ${path} cannot be read: ${reasonOf(error)}`);
  }
  // Some editors begin a file with a byte order mark.
  const document = text.replace(/^\ufeff/, "");
  if (document.trim() === "")
    throw new EmptyFileError(`The API keys in ${path} are not valid: there is nothing in it.`);
  try {
    return parseApiKeys(document);
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    throw new ApiKeysError(`The API keys in ${path} are not valid: ${error.message}.`);
  }
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
      return "this user may not read it";
    case "EISDIR":
      return "it is a folder";
    default:
      return String((error as NodeJS.ErrnoException).code ?? error);
  }
}
