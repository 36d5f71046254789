import { EventSourcingError } from "../errors/eventSourcingError.js";

declare const tenantIdBrand: unique symbol;

/** A validated tenant id: 1 to 256 characters of well-formed Unicode without control characters. */
export type TenantId = string & { readonly [tenantIdBrand]: true };

export const MAX_TENANT_ID_LENGTH = 256;

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** Stores check the tenant of each call, and most calls have the tenant of the one before. */
let lastParsed: string | undefined;

/** @throws EventSourcingError `INVALID_TENANT_ID` */
export function parseTenantId(value: string): TenantId {
  if (value === lastParsed && value !== undefined) return value as TenantId;
  const fault = tenantIdFault(value);
  if (fault !== undefined) {
    const shown: unknown = value;
    throw new EventSourcingError("INVALID_TENANT_ID", `Tenant id ${fault}.`, {
      fields: { tenantId: typeof shown === "string" ? shown.slice(0, 64) : typeof shown },
    });
  }
  lastParsed = value;
  return value as TenantId;
}

export function isTenantId(value: string): value is TenantId {
  return tenantIdFault(value) === undefined;
}

function tenantIdFault(value: unknown): string | undefined {
  if (typeof value !== "string") return `must be a string, got ${typeof value}`;
  if (value.length === 0) return "must not be empty";
  if (value.length > MAX_TENANT_ID_LENGTH)
    return `has ${value.length} characters, at most ${MAX_TENANT_ID_LENGTH} fit`;
  if (controlCharacter.test(value)) return "must not hold control characters";
  if (!value.isWellFormed()) return "holds a lone surrogate, which UTF-8 cannot store";
  return undefined;
}
