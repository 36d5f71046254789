import { EventSourcingError, isEventSourcingError } from "../errors/eventSourcingError.js";
import type { ProjectionMetadata } from "../projections/projectionMetadata.js";
import type { ProjectionRecord } from "../projections/projectionRecord.js";
import type { ProjectionCodec } from "../stores/codec.js";
import { jsonText } from "./jsonText.js";

/** A projection and its metadata as stores keep them. */
export interface ProjectionTexts {
  readonly projection: string;
  readonly metadata: string;
}

/**
 * Makes the texts of a record, or refuses it: what {@link readProjectionTexts} makes of them equals what was given.
 *
 * @throws EventSourcingError `INVALID_PROJECTION` with the path to the value that cannot be kept
 */
export function projectionTexts<TProjection>(
  record: ProjectionRecord<string, TProjection>,
  codec: ProjectionCodec<TProjection> = {},
): ProjectionTexts {
  try {
    const { projection, metadata } = record;
    assertObject(metadata);
    return {
      projection: codec.encode === undefined ? jsonText(projection, "projection") : codec.encode(projection),
      metadata: jsonText(metadata, "metadata"),
    };
  } catch (cause) {
    if (isEventSourcingError(cause)) throw cause;
    const aggregateId = record.aggregateId.slice(0, 64);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EventSourcingError(
      "INVALID_PROJECTION",
      `The projection of aggregate ${JSON.stringify(aggregateId)} cannot be stored: ${reason}`,
      { cause, fields: { aggregateId } },
    );
  }
}

/** Reads what {@link projectionTexts} made. @throws what the codec throws, SyntaxError, TypeError for what it did not make */
export function readProjectionTexts<TProjection>(
  texts: ProjectionTexts,
  codec: ProjectionCodec<TProjection> = {},
): { readonly projection: TProjection; readonly metadata: ProjectionMetadata } {
  const projection =
    codec.decode === undefined
      ? (JSON.parse(texts.projection) as TProjection)
      : codec.decode(texts.projection);
  const metadata = JSON.parse(texts.metadata) as ProjectionMetadata;
  assertObject(metadata);
  return { projection, metadata };
}

function assertObject(metadata: unknown): void {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw new TypeError("the metadata is no object");
}
