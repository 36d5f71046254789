import type { TenantId } from "@es/core";
import type { ApiKeyScope } from "./apiKeyEntry.js";
import type { ApiKeyRing } from "./apiKeyRing.js";

/** The value of a request's header by its name in lower case; several of one name joined by ", ". */
export type ReadHeader = (name: string) => string | undefined;

/** Who sent a request, or why it is refused. */
export type AccessDecision =
  | {
      readonly granted: true;
      readonly tenantId: TenantId;
    }
  | {
      readonly granted: false;
      /** 401 without a valid key, 403 with one that may not do this. */
      readonly status: 401 | 403;
      /** For the client. */
      readonly message: string;
      /** The value of `WWW-Authenticate`, by RFC 6750. */
      readonly challenge: string;
    };

const CHALLENGE = 'Bearer realm="es"';
const ASKED = "Send an API key as Authorization: Bearer <key>, or as x-api-key.";

/** The tenant of the key that a request brings as `Authorization: Bearer` or `x-api-key`, if it may do what it wants. */
export function authorizeRequest(
  ring: ApiKeyRing,
  header: ReadHeader,
  scope: ApiKeyScope,
  now = Date.now(),
): AccessDecision {
  const presented = presentedKeys(header);
  const [key] = presented;
  if (key === undefined) return refused(401, `An API key is missing. ${ASKED}`, CHALLENGE);
  // Two keys could mean two tenants, to us and to a proxy before us.
  if (presented.some((other) => other !== key))
    return invalid("The request brings two different API keys; send one.");
  const entry = ring.find(key);
  if (entry === undefined) return invalid("There is no such API key.");
  if (entry.expiresAt !== undefined && now >= entry.expiresAt) return invalid("The API key has expired.");
  if (!entry.scopes.includes(scope)) {
    return refused(
      403,
      `The API key lacks the scope "${scope}".`,
      `${CHALLENGE}, error="insufficient_scope", scope="${scope}"`,
    );
  }
  return { granted: true, tenantId: entry.tenantId };
}

function presentedKeys(header: ReadHeader): readonly string[] {
  const bearer = /^bearer +(\S.*)$/i.exec(header("authorization") ?? "")?.[1];
  const plain = header("x-api-key");
  return [bearer, plain].map((key) => key?.trim() ?? "").filter((key) => key !== "");
}

function invalid(message: string): AccessDecision {
  return refused(401, `${message} ${ASKED}`, `${CHALLENGE}, error="invalid_token"`);
}

function refused(status: 401 | 403, message: string, challenge: string): AccessDecision {
  return { granted: false, status, message, challenge };
}
