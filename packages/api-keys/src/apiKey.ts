import { createHash, randomBytes } from "node:crypto";

/** A new key, and what is stored of it. */
export interface NewApiKey {
  /** Shown once, kept by nobody but the client: `es_` and 256 random bits as base64url. */
  readonly key: string;
  readonly hash: ApiKeyHash;
}

/** `sha256:` and 64 hexadecimal digits in lower case. */
export type ApiKeyHash = `sha256:${string}`;

/** So that scanners for leaked secrets know one, and people what they look at. */
const PREFIX = "es_";
const KEY_BYTES = 32;

export const apiKeyHashPattern = /^sha256:[0-9a-f]{64}$/;

export function createApiKey(): NewApiKey {
  const key = PREFIX + randomBytes(KEY_BYTES).toString("base64url");
  return { key, hash: hashApiKey(key) };
}

/**
 * What is stored of a key. A slow, salted hash protects passwords, which can be guessed; 256 random bits cannot, so one
 * SHA-256 is as safe at rest, and costs every request a microsecond instead of a tenth of a second anyone could make us spend.
 */
export function hashApiKey(key: string): ApiKeyHash {
  return `sha256:${digestOf(key).toString("hex")}`;
}

export function digestOf(key: string): Buffer {
  return createHash("sha256").update(key, "utf8").digest();
}
