import { parseTenantId, type TenantId } from "../tenancy/tenantId.js";
import { assertAggregateId } from "./aggregateId.js";

/** Names one aggregate of one tenant. Tenancy is never baked into the aggregate id. */
export interface AggregateRef<TAggregateId extends string = string> {
  readonly tenantId: TenantId;
  readonly aggregateId: TAggregateId;
}

/**
 * `{tenantId}:{aggregateId}`, the deduplication id of a projection job. `%` and `:` in the tenant are percent-encoded,
 * so that no two refs share a key: ("a:b", "c") is `a%3Ab:c`, ("a", "b:c") is `a:b:c`.
 *
 * @throws EventSourcingError `INVALID_TENANT_ID`, `INVALID_AGGREGATE_ID`
 */
export function aggregateRefKey(ref: AggregateRef): string {
  const given: Partial<AggregateRef> | null | undefined = ref;
  const tenantId = parseTenantId(given?.tenantId as string);
  assertAggregateId(given?.aggregateId as string);
  return `${tenantId.replaceAll("%", "%25").replaceAll(":", "%3A")}:${ref.aggregateId}`;
}
