import { EventSourcingError } from "../errors/eventSourcingError.js";
import { parseTenantId, type TenantId } from "../tenancy/tenantId.js";

/** Comes with every call to a store: whose data, and anything a store of one's own needs to know. */
export interface StoreContext {
  readonly tenantId: TenantId;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export type EventStoreContext = StoreContext;
export type ProjectionStoreContext = StoreContext;

/**
 * Returns the tenant of a call. Stores ask this before anything else: types are gone at run time, and a context without
 * a tenant must not become data of nobody.
 *
 * @throws EventSourcingError `INVALID_TENANT_ID`
 */
export function tenantOf(context: StoreContext): TenantId {
  return parseTenantId((context as StoreContext | null | undefined)?.tenantId as string);
}

/**
 * Returns the tenant whose events are read and whose projection is written or read.
 *
 * @throws EventSourcingError `INVALID_TENANT_ID`; `INVALID_OPTIONS` where the two contexts name different tenants
 */
export function tenantOfBoth(contexts: {
  readonly eventStoreContext: EventStoreContext;
  readonly projectionStoreContext: ProjectionStoreContext;
}): TenantId {
  const tenantId = tenantOf(contexts?.eventStoreContext);
  const other = tenantOf(contexts?.projectionStoreContext);
  if (other === tenantId) return tenantId;
  throw new EventSourcingError(
    "INVALID_OPTIONS",
    `eventStoreContext names the tenant ${JSON.stringify(tenantId)}, projectionStoreContext ${JSON.stringify(other)}. ` +
      "Events of one tenant never become projections of another: give both contexts the same tenantId.",
    { fields: { tenantId, otherTenantId: other } },
  );
}
