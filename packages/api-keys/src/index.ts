export { type ApiKeyHash, createApiKey, hashApiKey, type NewApiKey } from "./apiKey.js";
export { type ApiKeyEntry, type ApiKeyScope, apiKeyScopes } from "./apiKeyEntry.js";
export { ApiKeyRing } from "./apiKeyRing.js";
export { ApiKeysError } from "./apiKeysError.js";
export { type ApiKeysFile, type ApiKeysFileOptions, openApiKeysFile } from "./apiKeysFile.js";
export { type AccessDecision, authorizeRequest, type ReadHeader } from "./authorizeRequest.js";
export { parseApiKeys } from "./parseApiKeys.js";
