import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { digestOf } from "./apiKey.js";
import type { ApiKeyEntry } from "./apiKeyEntry.js";

/** Longer ones are not even hashed: no key of ours is. */
const MAX_KEY_LENGTH = 512;

/**
 * Finds the entry of a key.
 *
 * The time it takes tells nothing of the stored hashes: they are looked up under a second digest, made with a secret of
 * this process, and the one that is found is compared in constant time.
 */
export class ApiKeyRing {
  readonly #secret = randomBytes(32);
  readonly #entries: ReadonlyMap<string, { readonly entry: ApiKeyEntry; readonly digest: Buffer }>;

  constructor(entries: readonly ApiKeyEntry[]) {
    this.#entries = new Map(
      entries.map((entry) => {
        const digest = Buffer.from(entry.hash.slice("sha256:".length), "hex");
        return [this.#blind(digest), { entry, digest }];
      }),
    );
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Also an entry that has expired. */
  find(key: string): ApiKeyEntry | undefined {
    if (key.length === 0 || key.length > MAX_KEY_LENGTH) return undefined;
    const digest = digestOf(key);
    const found = this.#entries.get(this.#blind(digest));
    return found !== undefined && timingSafeEqual(found.digest, digest) ? found.entry : undefined;
  }

  #blind(digest: Buffer): string {
    return createHmac("sha256", this.#secret).update(digest).digest("base64");
  }
}
