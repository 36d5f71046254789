/** Stored keys that cannot be used. The message says where and what to write instead; it never holds what was written. */
export class ApiKeysError extends Error {
  readonly code = "API_KEYS_INVALID";

  constructor(message: string) {
    // Without a cause: what JSON.parse and the like throw quotes the text, and the text may hold a key.
    super(message);
    this.name = "ApiKeysError";
  }
}
