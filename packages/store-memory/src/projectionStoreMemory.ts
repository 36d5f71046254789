import {
  assertAggregateId,
  type ProjectionCodec,
  type ProjectionRead,
  type ProjectionRecord,
  type ProjectionStore,
  type ProjectionStoreContext,
  type ProjectionVersion,
  parseProjectionVersion,
  type TenantId,
  tenantOf,
} from "@es/core";
import { type ProjectionTexts, projectionTexts, readProjectionTexts } from "@es/core/adapter";

export interface ProjectionStoreMemoryOptions<TProjection> {
  /** For projections that are no JSON values, such as a projection table of a database. @default JSON */
  readonly codec?: ProjectionCodec<TProjection>;
}

interface StoredProjection extends ProjectionTexts {
  readonly version: ProjectionVersion;
}

/**
 * A projection store for tests, examples and embedded use: it forgets everything when the process ends. It takes and
 * refuses what the generic table of a database would: JSON values, or what a codec keeps. Each read returns a copy.
 *
 * `TProjection` is `never` unless given or inferred, so that a store without a type fits any pipeline and nothing else.
 */
export class ProjectionStoreMemory<TProjection = never, TAggregateId extends string = string>
  implements ProjectionStore<TAggregateId, TProjection>
{
  readonly #tenants = new Map<TenantId, Map<TAggregateId, StoredProjection>>();
  readonly #codec: ProjectionCodec<TProjection>;

  constructor({ codec = {} }: ProjectionStoreMemoryOptions<TProjection> = {}) {
    this.#codec = codec;
  }

  async getProjection(
    aggregateId: TAggregateId,
    context: ProjectionStoreContext,
  ): Promise<ProjectionRead<TAggregateId, TProjection>> {
    const tenantId = tenantOf(context);
    assertAggregateId(aggregateId);
    const stored = this.#tenants.get(tenantId)?.get(aggregateId);
    if (stored === undefined) return { status: "absent" };
    const { version } = stored;
    try {
      return {
        status: "found",
        record: { aggregateId, version, ...readProjectionTexts(stored, this.#codec) },
      };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return { status: "undecodable", reason: `Version ${version} cannot be decoded: ${reason}`, version };
    }
  }

  async getProjections(
    aggregateIds: readonly TAggregateId[],
    context: ProjectionStoreContext,
  ): Promise<ReadonlyMap<TAggregateId, ProjectionRead<TAggregateId, TProjection>>> {
    tenantOf(context);
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
    const tenantId = tenantOf(context);
    const texts = records.map((record) => {
      assertAggregateId(record.aggregateId);
      const version = parseProjectionVersion(String(record.version));
      return { aggregateId: record.aggregateId, version, ...projectionTexts(record, this.#codec) };
    });
    if (texts.length === 0) return;
    const tenant = this.#tenants.get(tenantId) ?? new Map<TAggregateId, StoredProjection>();
    this.#tenants.set(tenantId, tenant);
    for (const { aggregateId, ...stored } of texts) {
      const other = tenant.get(aggregateId);
      if (other === undefined || stored.version >= other.version) tenant.set(aggregateId, stored);
    }
  }
}
