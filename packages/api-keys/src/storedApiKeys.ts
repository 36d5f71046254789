import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import lockfile from "proper-lockfile";
import { ApiKeysError } from "./apiKeysError.js";
import { parseApiKeys } from "./parseApiKeys.js";

/** An entry as the file has it, with every member that was written there. */
export interface StoredApiKey {
  readonly tenant: string;
  readonly hash: string;
  readonly name?: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: string;
}

/** A lock whose holder has not touched it for so long belongs to a process that was killed, milliseconds. */
const LOCK_STALE_MS = 5_000;

/** Changes in turn, for at least as long as a killed holder keeps the lock and all the others then need. */
const LOCK_RETRIES = { retries: 300, minTimeout: 20, maxTimeout: 200, factor: 1.2, randomize: true };

/**
 * Adds an entry to a file of keys, or makes the file, readable by its owner only.
 *
 * @throws ApiKeysError when the file or the entry is not valid; then the file stays as it is
 */
export async function addToApiKeysFile(path: string, entry: StoredApiKey): Promise<void> {
  await changeApiKeysFile(path, { create: true }, (keys) => [...keys, entry]);
}

/**
 * Takes entries out of a file of keys. Apps that use the file refuse their keys within a second or two.
 *
 * @returns the entries that were taken out; none leaves the file as it is
 * @throws ApiKeysError when there is no such file or it is not valid; then the file stays as it is
 */
export async function removeFromApiKeysFile(
  path: string,
  isRevoked: (entry: StoredApiKey) => boolean,
): Promise<readonly StoredApiKey[]> {
  let removed: readonly StoredApiKey[] = [];
  await changeApiKeysFile(path, { create: false }, (keys) => {
    removed = keys.filter(isRevoked);
    return removed.length === 0 ? undefined : keys.filter((entry) => !isRevoked(entry));
  });
  return removed;
}

/** @throws ApiKeysError when there is no such file or it is not valid */
export async function readStoredApiKeys(path: string): Promise<readonly StoredApiKey[]> {
  const text = await readText(path);
  if (text === undefined) throw noSuchFile(path);
  return parseStored(path, text);
}

/**
 * Reads, changes and replaces the file while no other process does. Readers see the file before or after the change, and
 * never a part of it. `undefined` for the new entries leaves the file as it is.
 */
async function changeApiKeysFile(
  path: string,
  options: { readonly create: boolean },
  change: (keys: readonly StoredApiKey[]) => readonly StoredApiKey[] | undefined,
): Promise<void> {
  if (options.create) {
    // For the owner alone, as the file is; a folder that is there stays as it is.
    await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      throw new ApiKeysError(`${path} cannot be written: ${error.code}.`);
    });
  }
  // A symbolic link stays one, and all names of a file have one lock.
  const target = await realpath(path).catch(async () => join(await folderOf(path), basename(path)));
  const lock = await lockFile(path, target);
  try {
    const text = await readText(target, path);
    if (text === undefined && !options.create) throw noSuchFile(path);
    const changed = change(text === undefined ? [] : parseStored(path, text));
    if (changed === undefined) return;
    const document = `${JSON.stringify({ keys: changed }, undefined, 2)}\n`;
    parseApiKeys(document);
    await replaceFile(path, target, document, () => lock.check());
  } finally {
    await lock.release();
  }
}

function folderOf(path: string): Promise<string> {
  return realpath(dirname(path)).catch(() => dirname(path));
}

interface FileLock {
  /** @throws ApiKeysError when this process was stopped for so long that another took the lock */
  check(): void;
  release(): Promise<void>;
}

async function lockFile(path: string, target: string): Promise<FileLock> {
  let lost = false;
  try {
    const release = await lockfile.lock(target, {
      realpath: false,
      stale: LOCK_STALE_MS,
      update: LOCK_STALE_MS / 5,
      retries: LOCK_RETRIES,
      onCompromised: () => {
        lost = true;
      },
    });
    return {
      check() {
        if (lost) throw new ApiKeysError(`${path} was changed by another process meanwhile. Try again.`);
      },
      release: () => release().catch(() => {}),
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw noSuchFile(path);
    throw new ApiKeysError(
      code === "ELOCKED"
        ? `${path} is being changed by another process. Try again; if no other process runs, remove ${target}.lock.`
        : `${path} cannot be written: ${code}.`,
    );
  }
}

async function readText(path: string, shown = path): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new ApiKeysError(`${shown} cannot be read: ${error.code}.`);
  });
}

function parseStored(path: string, text: string): readonly StoredApiKey[] {
  const document = text.replace(/^\ufeff/, "");
  try {
    parseApiKeys(document);
  } catch (error) {
    throw new ApiKeysError(`${path} is not valid, and stays as it is: ${(error as Error).message}.`);
  }
  return (JSON.parse(document) as { keys: StoredApiKey[] }).keys;
}

async function replaceFile(path: string, target: string, document: string, check: () => void): Promise<void> {
  const mode = await stat(target).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  );
  const temporary = `${target}.${randomUUID()}`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(document);
      await file.sync();
    } finally {
      await file.close();
    }
    check();
    await rename(temporary, target);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    if (error instanceof ApiKeysError) throw error;
    throw new ApiKeysError(`${path} cannot be written: ${(error as NodeJS.ErrnoException).code}.`);
  }
}

function noSuchFile(path: string): ApiKeysError {
  return new ApiKeysError(`${path} cannot be read: there is no such file.`);
}
