import { parseTenantId } from "@es/core";
import { hostileIds } from "@es/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ApiKeyEntry, ApiKeyRing, authorizeRequest, createApiKey } from "./index.js";

const tenantId = parseTenantId("acme");
const NOW = Date.UTC(2026, 0, 1);

function keyOf(fields: Partial<ApiKeyEntry> = {}) {
  const { key, hash } = createApiKey();
  return { key, entry: { tenantId, hash, scopes: ["ingest", "read"], ...fields } satisfies ApiKeyEntry };
}

const both = keyOf();
const rotated = keyOf();
const readOnly = keyOf({ scopes: ["read"] });
const expired = keyOf({ expiresAt: NOW });
const expiring = keyOf({ expiresAt: NOW + 1 });
const other = keyOf({ tenantId: parseTenantId("other") });
const ring = new ApiKeyRing([both, rotated, readOnly, expired, expiring, other].map(({ entry }) => entry));

const ask = (headers: Readonly<Record<string, string>>, scope: "ingest" | "read" = "ingest") =>
  authorizeRequest(ring, (name) => headers[name], scope, NOW);

describe("authorizeRequest", () => {
  it.each([
    ["a bearer token", { authorization: `Bearer ${both.key}` }],
    ["in lower case, with spaces", { authorization: `bearer   ${both.key} ` }],
    ["x-api-key", { "x-api-key": both.key }],
    ["the same key in both", { authorization: `Bearer ${both.key}`, "x-api-key": both.key }],
    ["x-api-key beside another scheme", { authorization: "Basic dXNlcjpwYXNz", "x-api-key": both.key }],
    ["a tenant's second key", { "x-api-key": rotated.key }],
    ["one that expires in a moment", { "x-api-key": expiring.key }],
  ])("takes %s", (_, headers) => {
    expect(ask(headers)).toEqual({ granted: true, tenantId: "acme" });
  });

  it("finds each key's own tenant", () => {
    expect(ask({ "x-api-key": other.key })).toEqual({ granted: true, tenantId: "other" });
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["no key", {}, /missing/],
    ["an empty key", { authorization: "Bearer ", "x-api-key": "" }, /missing/],
    ["another scheme", { authorization: `Basic ${both.key}` }, /missing/],
    ["a key without its scheme", { authorization: both.key }, /missing/],
    ["a key that is not there", { "x-api-key": createApiKey().key }, /no such/],
    ["half a key", { "x-api-key": both.key.slice(0, -1) }, /no such/],
    ["a key and more", { "x-api-key": `${both.key}A` }, /no such/],
    ["a key in other case", { "x-api-key": both.key.toUpperCase() }, /no such/],
    ["the stored hash", { "x-api-key": both.entry.hash }, /no such/],
    ["two headers of one name", { "x-api-key": `${both.key}, ${both.key}` }, /no such/],
    ["two tenants' keys", { authorization: `Bearer ${both.key}`, "x-api-key": other.key }, /two different/],
    ["a megabyte", { "x-api-key": "x".repeat(1_000_000) }, /no such/],
    ["a key that has expired", { "x-api-key": expired.key }, /expired/],
  ])("refuses with 401: %s", (_, headers, message) => {
    const decision = ask(headers);
    expect(decision).toMatchObject({ granted: false, status: 401, message: expect.stringMatching(message) });
    expect(decision).toMatchObject({ challenge: expect.stringMatching(/^Bearer realm="es"/) });
    expect(JSON.stringify(decision)).not.toContain(both.key);
  });

  it("refuses with 403 a key that may not do this", () => {
    expect(ask({ "x-api-key": readOnly.key }, "read")).toMatchObject({ granted: true });
    expect(ask({ "x-api-key": readOnly.key })).toMatchObject({
      granted: false,
      status: 403,
      challenge: 'Bearer realm="es", error="insufficient_scope", scope="ingest"',
    });
  });

  it("lets nothing in but the keys", () => {
    const keys = new Set([both, rotated, readOnly, expired, expiring, other].map(({ key }) => key));
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...hostileIds, ...keys));
    fc.assert(
      fc.property(text, fc.constantFrom("authorization", "x-api-key"), (value, name) => {
        const presented = name === "authorization" ? `Bearer ${value}` : value;
        const decision = ask({ [name]: presented });
        expect(decision.granted && !keys.has(value.trim())).toBe(false);
      }),
    );
  });
});
