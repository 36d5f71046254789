import type { TenantId } from "../tenancy/tenantId.js";

/** Names one aggregate of one tenant. Tenancy is never baked into the aggregate id. */
export interface AggregateRef<TAggregateId extends string = string> {
  readonly tenantId: TenantId;
  readonly aggregateId: TAggregateId;
}

/**
 * `{tenantId}:{aggregateId}`, the deduplication id of a projection job. `%` and `:` in the tenant are percent-encoded,
 * so that no two refs share a key: ("a:b", "c") is `a%3Ab:c`, ("a", "b:c") is `a:b:c`.
 */
export function aggregateRefKey(ref: AggregateRef): string {
  return `${ref.tenantId.replaceAll("%", "%25").replaceAll(":", "%3A")}:${ref.aggregateId}`;
}
