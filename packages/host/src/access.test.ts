import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApiKey } from "@es/api-keys";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Access, type AccessConfig, accessVariables, openAccess } from "./access.js";
import { createLogger, readEnvironment } from "./index.js";

const logger = createLogger({ name: "test", environment: { LOG_LEVEL: "silent" } });
const loopback = { hosts: { INGEST_HOST: "127.0.0.1" }, logger };
const config = (environment: Readonly<Record<string, string>>): AccessConfig =>
  readEnvironment(z.object(accessVariables), environment);

const { key, hash } = createApiKey();
const document = JSON.stringify({ keys: [{ tenant: "acme", hash, scopes: ["ingest"] }] });
const headers =
  (presented?: string, host = "127.0.0.1:4320") =>
  (name: string) => {
    if (name === "host") return host;
    return name === "authorization" && presented !== undefined ? `Bearer ${presented}` : undefined;
  };

let folder: string;
let access: Access | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "es-access-"));
});
afterEach(async () => {
  await access?.close();
  access = undefined;
  await rm(folder, { recursive: true, force: true });
});

describe("access without keys", () => {
  it("is the one tenant's, on this machine", async () => {
    for (const host of ["127.0.0.1", "127.8.0.1", "localhost", "::1"]) {
      access = await openAccess(config({ TENANT_ID: "mine" }), { hosts: { INGEST_HOST: host }, logger });
      expect(access.needsKey).toBe(false);
      expect(access.authorize(headers(), "read")).toEqual({ granted: true, tenantId: "mine" });
    }
  });

  it.each(["evil.example", "evil.example:4320", "localhost.evil.example", "127.0.0.1.evil.example:4320", ""])(
    "lets no web page read that made its name resolve to this machine: %j",
    async (host) => {
      const opened = await openAccess(config({}), loopback);
      expect(opened.authorize(headers(undefined, host), "read")).toMatchObject({
        granted: false,
        status: 403,
        message: expect.stringMatching(/localhost only.*API_KEYS_FILE.*ALLOW_ANONYMOUS=true/),
      });
      // What sends from a container may name this machine as it likes.
      expect(opened.authorize(headers(undefined, host), "ingest").granted).toBe(true);
      const anonymous = await openAccess(config({ ALLOW_ANONYMOUS: "true" }), loopback);
      expect(anonymous.authorize(headers(undefined, host), "read").granted).toBe(true);
    },
  );

  it.each(["127.0.0.1", "127.0.0.1:4320", "localhost:4320", "LOCALHOST", "[::1]:4320"])(
    "is everything's that names this machine: %s",
    async (host) => {
      const opened = await openAccess(config({}), loopback);
      expect(opened.authorize(headers(undefined, host), "read").granted).toBe(true);
    },
  );

  it.each(["0.0.0.0", "::", "10.0.0.7", "example.com", "127.0.0.1.example.com"])(
    "is refused where others may reach it, unless that is wanted: %s",
    async (host) => {
      const hosts = { INGEST_HOST: "127.0.0.1", CONSOLE_HOST: host };
      await expect(openAccess(config({}), { hosts, logger })).rejects.toMatchObject({
        code: "CONFIGURATION_INVALID",
        message: expect.stringMatching(/^CONSOLE_HOST is .*API_KEYS_FILE.*ALLOW_ANONYMOUS=true/),
      });
      access = await openAccess(config({ ALLOW_ANONYMOUS: "true" }), { hosts, logger });
      expect(access.needsKey).toBe(false);
    },
  );
});

describe("access with keys", () => {
  it("needs one, wherever the app listens", async () => {
    access = await openAccess(config({ API_KEYS: document, ALLOW_ANONYMOUS: "true" }), {
      hosts: { INGEST_HOST: "0.0.0.0" },
      logger,
    });
    expect(access.needsKey).toBe(true);
    expect(access.authorize(headers(), "ingest")).toMatchObject({ granted: false, status: 401 });
    expect(access.authorize(headers(key), "ingest")).toEqual({ granted: true, tenantId: "acme" });
    expect(access.authorize(headers(key), "read")).toMatchObject({ granted: false, status: 403 });
  });

  it("reads a file again on SIGHUP", async () => {
    const path = join(folder, "keys.json");
    await writeFile(path, '{"keys":[]}');
    const opened = await openAccess(config({ API_KEYS_FILE: path }), loopback);
    access = opened;
    expect(opened.authorize(headers(key), "ingest")).toMatchObject({ status: 401 });
    await writeFile(path, document);
    process.kill(process.pid, "SIGHUP");
    await vi.waitFor(() => expect(opened.authorize(headers(key), "ingest").granted).toBe(true), {
      timeout: 20_000,
    });
  });

  it("says in /readyz that the file is gone, and that its keys still work", async () => {
    const path = join(folder, "keys.json");
    await writeFile(path, document);
    const opened = await openAccess(config({ API_KEYS_FILE: path }), loopback);
    access = opened;
    expect(await opened.readiness.apiKeys?.()).toBeUndefined();
    await rm(path);
    await vi.waitFor(
      async () =>
        expect(await opened.readiness.apiKeys?.()).toMatch(
          /keys\.json cannot be read: there is no such file.* 1 key from before/,
        ),
      { timeout: 20_000 },
    );
    expect(opened.authorize(headers(key), "ingest").granted).toBe(true);
    await writeFile(path, '{"keys":[]}');
    await vi.waitFor(
      async () =>
        expect(await opened.readiness.apiKeys?.()).toBe("there are no API keys: all requests are refused"),
      { timeout: 20_000 },
    );
    expect(opened.authorize(headers(key), "ingest")).toMatchObject({ granted: false, status: 401 });
  });

  it("says what is wrong with them, without showing them", async () => {
    const path = join(folder, "keys.json");
    await writeFile(path, `{"keys": "${key}"}`);
    for (const [environment, problem] of [
      [{ API_KEYS: `[${key}` }, /^API_KEYS is not valid: it is not JSON/],
      [{ API_KEYS: document.replace("acme", "") }, /^API_KEYS is not valid: keys\[0\]\.tenant must have/],
      [{ API_KEYS_FILE: path }, /keys\.json are not valid: keys must be a list/],
      [{ API_KEYS_FILE: join(folder, "none") }, /none cannot be read: there is no such file/],
      [{ API_KEYS: document, API_KEYS_FILE: path }, /both set; choose one/],
    ] as const) {
      const error = await openAccess(config(environment), loopback).catch((cause: Error) => cause);
      expect(error).toMatchObject({ code: "CONFIGURATION_INVALID", message: expect.stringMatching(problem) });
      expect(String(error)).not.toContain(key);
      expect(String(error)).not.toContain(hash);
    }
  });
});
