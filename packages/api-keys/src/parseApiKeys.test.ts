import { hostileTenantIds } from "@es/testkit";
import { describe, expect, it } from "vitest";
import { ApiKeysError, createApiKey, hashApiKey, parseApiKeys } from "./index.js";

const { key, hash } = createApiKey();
const entry = { tenant: "acme", hash, scopes: ["ingest"] };
const text = (...keys: unknown[]) => JSON.stringify({ keys });

/** The message; fails the test if nothing is thrown. */
function problemOf(document: string): string {
  try {
    parseApiKeys(document);
  } catch (error) {
    expect(error).toBeInstanceOf(ApiKeysError);
    expect((error as Error).cause).toBeUndefined();
    return (error as Error).message;
  }
  throw new Error("It was taken.");
}

describe("API keys", () => {
  it("are 256 random bits, and stored as their SHA-256", () => {
    const keys = new Set(Array.from({ length: 1_000 }, () => createApiKey().key));
    expect(keys.size).toBe(1_000);
    for (const made of keys) expect(made).toMatch(/^es_[A-Za-z0-9_-]{43}$/);
    // From another program: printf abc | sha256sum
    expect(hashApiKey("abc")).toBe("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("parseApiKeys", () => {
  it("reads entries", () => {
    expect(
      parseApiKeys(
        text(entry, {
          ...entry,
          hash: createApiKey().hash,
          name: "collector",
          scopes: ["read", "ingest", "read"],
          expiresAt: "2027-01-31T12:00:00+01:00",
        }),
      ),
    ).toEqual([
      { tenantId: "acme", hash, scopes: ["ingest"] },
      {
        tenantId: "acme",
        hash: expect.stringMatching(/^sha256:/),
        name: "collector",
        scopes: ["read", "ingest"],
        expiresAt: Date.UTC(2027, 0, 31, 11),
      },
    ]);
    expect(parseApiKeys(text())).toEqual([]);
  });

  it("keeps any tenant id exactly", () => {
    const keys = hostileTenantIds.map((tenant) => ({ ...entry, tenant, hash: createApiKey().hash }));
    expect(parseApiKeys(text(...keys)).map(({ tenantId }) => tenantId)).toEqual(hostileTenantIds);
  });

  it.each<[string, string, RegExp]>([
    ["nothing", "", /nothing in it/],
    ["no JSON", `{"keys": [\n  ${key}\n]}`, /not JSON/],
    ["no object", "7", /document must be an object/],
    ["a list", "[]", /document must be an object/],
    ["no keys", "{}", /keys must be a list/],
    [
      "members there are not",
      JSON.stringify({ keys: [], [key]: "acme" }),
      /document may hold nothing but "keys"/,
    ],
    [
      "a misspelt member",
      text({ ...entry, expireAt: "2027-01-01T00:00:00Z" }),
      /keys\[0\] may hold nothing but/,
    ],
    ["no tenant", text({ ...entry, tenant: undefined }), /keys\[0\]\.tenant must be a string/],
    ["an empty tenant", text({ ...entry, tenant: "" }), /keys\[0\]\.tenant must have 1 to 256/],
    ["a tenant with a line end", text({ ...entry, tenant: "a\nb" }), /keys\[0\]\.tenant must have/],
    [
      "the key for its hash",
      text({ ...entry, hash: key }),
      /keys\[0\]\.hash "sha256:" and 64 .*never the key/,
    ],
    ["a hash in upper case", text({ ...entry, hash: hash.toUpperCase() }), /keys\[0\]\.hash/],
    ["no scopes", text({ ...entry, scopes: [] }), /keys\[0\]\.scopes must name at least one/],
    [
      "another scope",
      text({ ...entry, scopes: [key] }),
      /keys\[0\]\.scopes\[0\] must be one of "ingest", "read"/,
    ],
    [
      "a date without time",
      text({ ...entry, expiresAt: "2027-01-31" }),
      /keys\[0\]\.expiresAt must be a time/,
    ],
    ["a time that cannot be", text({ ...entry, expiresAt: "2027-02-31T00:00:00Z" }), /keys\[0\]\.expiresAt/],
    ["a name that is none", text({ ...entry, name: [key] }), /keys\[0\]\.name must be a string/],
    [
      "one key twice",
      text(entry, { ...entry, tenant: "other" }),
      /keys\[0\] and keys\[1\] have the same hash/,
    ],
    ["two faults", text({ ...entry, tenant: 7, scopes: 7 }), /keys\[0\]\.tenant .*; keys\[0\]\.scopes/],
  ])("says what is wrong, without what was written: %s", (_, document, problem) => {
    const message = problemOf(document);
    expect(message).toMatch(problem);
    for (const secret of [key, hash, hash.toUpperCase(), key.slice(3, 12), hash.slice(7, 20)])
      expect(message).not.toContain(secret);
  });
});
