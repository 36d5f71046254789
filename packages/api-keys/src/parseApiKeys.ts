import { isTenantId, MAX_TENANT_ID_LENGTH, parseTenantId } from "@es/core";
import { z } from "zod";
import { type ApiKeyHash, apiKeyHashPattern } from "./apiKey.js";
import { type ApiKeyEntry, apiKeyScopes } from "./apiKeyEntry.js";
import { ApiKeysError } from "./apiKeysError.js";

const members = ["tenant", "hash", "name", "scopes", "expiresAt"];

// Every message is written here: those of the library may quote what they found.
const entrySchema = z.strictObject(
  {
    tenant: z.string({ error: "must be a string" }).refine(isTenantId, {
      error: `must have 1 to ${MAX_TENANT_ID_LENGTH} characters, and no control characters or lone surrogates`,
    }),
    hash: z.string({ error: "must be a string" }).regex(apiKeyHashPattern, {
      error: '"sha256:" and 64 hexadecimal digits are expected, never the key itself',
    }),
    name: z
      .string({ error: "must be a string" })
      .max(256, { error: "must have at most 256 characters" })
      .optional(),
    scopes: z
      .array(z.enum(apiKeyScopes, { error: `must be one of ${quoted(apiKeyScopes)}` }), {
        error: `must be a list of ${quoted(apiKeyScopes)}`,
      })
      .min(1, { error: `must name at least one of ${quoted(apiKeyScopes)}` }),
    expiresAt: z.iso
      .datetime({ offset: true, error: 'must be a time with its zone, such as "2027-01-31T12:00:00Z"' })
      .optional(),
  },
  // A misspelt `expiresAt` must not make a key that never expires.
  { error: (issue) => (issue.code === "unrecognized_keys" ? onlyMembers(members) : "must be an object") },
);

const documentSchema = z.strictObject(
  { keys: z.array(entrySchema, { error: "must be a list" }) },
  { error: (issue) => (issue.code === "unrecognized_keys" ? onlyMembers(["keys"]) : "must be an object") },
);

/**
 * Reads `{ "keys": [{ "tenant", "hash", "name"?, "scopes", "expiresAt"? }] }`.
 *
 * @throws ApiKeysError that names everything that is wrong, and holds nothing of the text
 */
export function parseApiKeys(text: string): readonly ApiKeyEntry[] {
  const parsed = documentSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new ApiKeysError(
      parsed.error.issues.map(({ path, message }) => `${formatPath(path)} ${message}`).join("; "),
    );
  }
  const places = new Map<string, number>();
  return parsed.data.keys.map(({ tenant, hash, name, scopes, expiresAt }, place): ApiKeyEntry => {
    const other = places.get(hash);
    if (other !== undefined) {
      throw new ApiKeysError(
        `keys[${other}] and keys[${place}] have the same hash; a key belongs to one entry`,
      );
    }
    places.set(hash, place);
    return {
      tenantId: parseTenantId(tenant),
      hash: hash as ApiKeyHash,
      ...(name === undefined ? {} : { name }),
      scopes: [...new Set(scopes)],
      ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
    };
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    const lines = position === undefined ? undefined : text.slice(0, Number(position)).split("\n");
    const where =
      lines === undefined ? "" : ` (line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1})`;
    throw new ApiKeysError(text.trim() === "" ? "there is nothing in it" : `it is not JSON${where}`);
  }
}

function formatPath(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text === "" ? "the document" : text.replace(/^\./, "");
}

function onlyMembers(names: readonly string[]): string {
  return `may hold nothing but ${quoted(names)}`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
