import { mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ApiKeysError, type ApiKeysFile, createApiKey, openApiKeysFile } from "./index.js";

let folder: string;
let path: string;
let file: ApiKeysFile | undefined;
let errors: ApiKeysError[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "es-keys-"));
  path = join(folder, "keys.json");
  errors = [];
});
afterEach(async () => {
  await file?.close();
  file = undefined;
  await rm(folder, { recursive: true, force: true });
});

const made = (...keys: { readonly hash: string }[]) =>
  JSON.stringify({ keys: keys.map(({ hash }) => ({ tenant: "acme", hash, scopes: ["read"] })) });
const [first, second] = [createApiKey(), createApiKey()];

async function open(intervalMs = 5): Promise<ApiKeysFile> {
  file = await openApiKeysFile(path, { intervalMs, onError: (error) => errors.push(error) });
  return file;
}

/** Waits until only the second key is taken. */
const untilSecond = (opened: ApiKeysFile) =>
  vi.waitFor(
    () => {
      expect(opened.ring().find(second.key)).toBeDefined();
      expect(opened.ring().find(first.key)).toBeUndefined();
    },
    { timeout: 20_000 },
  );

describe("a file of API keys", () => {
  it.each<[string, () => Promise<void>]>([
    ["written in place", () => writeFile(path, made(second))],
    [
      "written in place, with the time and size it had",
      async () => {
        const time = new Date(1_700_000_000_000);
        await utimes(path, time, time);
        await writeFile(path, made(second));
        await utimes(path, time, time);
      },
    ],
    [
      "replaced by another, as editors do",
      async () => {
        await writeFile(`${path}.new`, made(second));
        await rename(`${path}.new`, path);
      },
    ],
    [
      "deleted and made again",
      async () => {
        await unlink(path);
        await new Promise((resolve) => setTimeout(resolve, 30));
        await writeFile(path, made(second));
      },
    ],
  ])("is read again when it is %s", async (_, change) => {
    await writeFile(path, made(first));
    const opened = await open();
    expect(opened.ring().find(first.key)).toBeDefined();
    await change();
    await untilSecond(opened);
  });

  it("is read again when a symbolic link above it is replaced, as Kubernetes does", async () => {
    for (const [name, key] of Object.entries({ old: first, new: second })) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "keys.json"), made(key));
    }
    await symlink("old", join(folder, "..data"));
    await symlink(join("..data", "keys.json"), path);
    const opened = await open();
    expect(opened.ring().find(first.key)).toBeDefined();
    await symlink("new", join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await untilSecond(opened);
  });

  it("keeps the keys it had while a new state is broken, says so once, and takes the next good one", async () => {
    await writeFile(path, made(first));
    const opened = await open();
    await writeFile(path, `{"keys": ["${second.key}"`);
    await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 20_000 });
    expect(errors[0]?.message).toMatch(/keys\.json are not valid: it is not JSON/);
    expect(errors[0]?.message).not.toContain(second.key);
    expect(opened.ring().find(first.key)).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(errors).toHaveLength(1);
    await unlink(path);
    await vi.waitFor(() => expect(errors[1]?.message).toMatch(/there is no such file/), { timeout: 20_000 });
    expect(opened.ring().find(first.key)).toBeDefined();
    await writeFile(path, made(second));
    await untilSecond(opened);
  });

  it("is read at once when asked", async () => {
    await writeFile(path, made(first));
    const opened = await open(3_600_000);
    await writeFile(path, made(second));
    await opened.reload();
    expect(opened.ring().find(second.key)).toBeDefined();
    await writeFile(path, "[]");
    await opened.reload();
    expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/must be an object/)]);
    expect(opened.ring().find(second.key)).toBeDefined();
  });

  it.each([
    ["without keys", '{"keys": []}'],
    ["with nothing in it", ""],
    ["with nothing but white space in it", "\ufeff \n"],
  ])("revokes every key once it is one %s", async (_, text) => {
    await writeFile(path, made(first, second));
    const opened = await open();
    await writeFile(path, text);
    await vi.waitFor(() => expect(opened.ring().size).toBe(0), { timeout: 20_000 });
    expect(opened.problem()).toBeUndefined();
    await writeFile(path, made(second));
    await untilSecond(opened);
  });

  it("revokes nothing while it is empty at one look, as a file may be that is written in place", async () => {
    await writeFile(path, made(first));
    const sizes: number[] = [];
    const opened = await openApiKeysFile(path, {
      intervalMs: 2_000,
      onReload: ({ size }) => sizes.push(size),
      onError: (error) => errors.push(error),
    });
    file = opened;
    await writeFile(path, "");
    // Longer than one interval, and far from two.
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect(opened.ring().find(first.key)).toBeDefined();
    await writeFile(path, made(second));
    await untilSecond(opened);
    expect(sizes).toEqual([1]);
    expect(errors).toEqual([]);
  });

  it("revokes nothing when it is removed, and says so for as long as it is gone", async () => {
    await writeFile(path, made(first));
    const opened = await open();
    expect(opened.problem()).toBeUndefined();
    await unlink(path);
    await vi.waitFor(() => expect(opened.problem()?.message).toMatch(/there is no such file/), {
      timeout: 20_000,
    });
    expect(opened.ring().find(first.key)).toBeDefined();
    expect(errors).toHaveLength(1);
    await writeFile(path, made(second));
    await untilSecond(opened);
    expect(opened.problem()).toBeUndefined();
  });

  it("must be good at the start", async () => {
    await expect(open()).rejects.toMatchObject({
      code: "API_KEYS_INVALID",
      message: expect.stringMatching(/no such file/),
    });
    await writeFile(path, "{}");
    await expect(open()).rejects.toThrow(/keys must be a list/);
  });
});
