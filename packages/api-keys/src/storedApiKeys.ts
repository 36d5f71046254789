import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { ApiKeysError } from "./apiKeysError.js";
import { parseApiKeys } from "./parseApiKeys.js";

/**
 * Adds an entry to a file of keys, or makes the file, readable by its owner only. Who reads it meanwhile sees the file as it
 * was or as it will be, nothing in between.
 *
 * @throws ApiKeysError when the file or the entry is not valid; then the file stays as it is
 */
export async function addToApiKeysFile(path: string, entry: object): Promise<void> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new ApiKeysError(`${path} cannot be read: ${error.code}.`);
  });
  let keys: unknown[] = [];
  if (text !== undefined) {
    try {
      parseApiKeys(text);
    } catch (error) {
      throw new ApiKeysError(`${path} is not valid, and stays as it is: ${(error as Error).message}.`);
    }
    ({ keys } = JSON.parse(text) as { keys: unknown[] });
  }
  const document = `${JSON.stringify({ keys: [...keys, entry] }, undefined, 2)}\n`;
  parseApiKeys(document);

  // A symbolic link stays one.
  const target = text === undefined ? path : await realpath(path);
  const mode = text === undefined ? 0o600 : (await stat(target)).mode & 0o777;
  const temporary = `${target}.${randomUUID()}`;
  try {
    await mkdir(dirname(target), { recursive: true });
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(document);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw new ApiKeysError(`${path} cannot be written: ${(error as NodeJS.ErrnoException).code}.`);
  }
}
