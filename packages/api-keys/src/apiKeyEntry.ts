import type { TenantId } from "@es/core";
import type { ApiKeyHash } from "./apiKey.js";

/** What a key may be used for: `ingest` sends spans, `read` reads traces. */
export type ApiKeyScope = (typeof apiKeyScopes)[number];

export const apiKeyScopes = ["ingest", "read"] as const;

/** A key as it is stored. A tenant may have several, so that one can be replaced before it is taken away. */
export interface ApiKeyEntry {
  readonly tenantId: TenantId;
  readonly hash: ApiKeyHash;
  /** For people: where the key is used. */
  readonly name?: string;
  readonly scopes: readonly ApiKeyScope[];
  /** From this instant on the key is refused, Unix milliseconds. */
  readonly expiresAt?: number;
}
