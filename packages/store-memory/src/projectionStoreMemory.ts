import {
  assertAggregateId,
  type ProjectionRead,
  type ProjectionRecord,
  type ProjectionStore,
  type ProjectionStoreContext,
  parseProjectionVersion,
  type TenantId,
} from "@es/core";

/**
 * A projection store for tests, examples and embedded use: it forgets everything when the process ends. Values are
 * copied in and out (`structuredClone`), as a real engine would.
 *
 * `TProjection` is `never` unless given or inferred, so that a store without a type fits any pipeline and nothing else.
 */
export class ProjectionStoreMemory<TProjection = never, TAggregateId extends string = string>
  implements ProjectionStore<TAggregateId, TProjection>
{
  readonly #tenants = new Map<TenantId, Map<TAggregateId, ProjectionRecord<TAggregateId, TProjection>>>();

  async getProjection(
    aggregateId: TAggregateId,
    context: ProjectionStoreContext,
  ): Promise<ProjectionRead<TAggregateId, TProjection>> {
    assertAggregateId(aggregateId);
    const record = this.#tenants.get(context.tenantId)?.get(aggregateId);
    return record === undefined ? { status: "absent" } : { status: "found", record: structuredClone(record) };
  }

  async getProjections(
    aggregateIds: readonly TAggregateId[],
    context: ProjectionStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, ProjectionRead<TAggregateId, TProjection>>> {
    const read = new Map<TAggregateId, ProjectionRead<TAggregateId, TProjection>>();
    for (const aggregateId of aggregateIds)
      read.set(aggregateId, await this.getProjection(aggregateId, context));
    return read;
  }

  async storeProjection(
    record: ProjectionRecord<TAggregateId, TProjection>,
    context: ProjectionStoreContext,
  ): Promise<void> {
    await this.storeProjections([record], context);
  }

  async storeProjections(
    records: readonly ProjectionRecord<TAggregateId, TProjection>[],
    context: ProjectionStoreContext,
  ): Promise<void> {
    for (const { aggregateId, version } of records) {
      assertAggregateId(aggregateId);
      parseProjectionVersion(String(version));
    }
    const copies = structuredClone(records);
    const tenant =
      this.#tenants.get(context.tenantId) ??
      new Map<TAggregateId, ProjectionRecord<TAggregateId, TProjection>>();
    this.#tenants.set(context.tenantId, tenant);
    for (const record of copies) {
      const other = tenant.get(record.aggregateId);
      if (other === undefined || record.version >= other.version) tenant.set(record.aggregateId, record);
    }
  }
}
