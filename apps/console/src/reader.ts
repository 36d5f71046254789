import type { TenantId } from "@es/core";

/** Whose data a request may read. */
export interface Reader {
  readonly Variables: { readonly tenantId: TenantId };
}
