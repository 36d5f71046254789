import type { TenantId } from "../tenancy/tenantId.js";

/** Comes with every call to a store: whose data, and anything a store of one's own needs to know. */
export interface StoreContext {
  readonly tenantId: TenantId;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export type EventStoreContext = StoreContext;
export type ProjectionStoreContext = StoreContext;
