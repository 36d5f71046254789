import { wholeNumber } from "../adapter/wholeNumber.js";
import { EventSourcingError } from "../errors/eventSourcingError.js";

declare const projectionVersionBrand: unique symbol;

/**
 * Orders the projections of one aggregate by what they were folded from: an unsigned 256-bit integer, greater is newer.
 *
 * | bits | part | why |
 * |---|---|---|
 * | 255–192 | distinct events | more events always win |
 * | 191–96 | sum of accepted times | any event replaced by a later one raises it; the newest time alone would not |
 * | 95–64 | handler version | a new handler replaces the output of an old one |
 * | 63–0 | revision | a forced rebuild replaces what is there although nothing changed |
 *
 * A superset of events always has the greater version, and no clock is read to make one.
 */
export type ProjectionVersion = bigint & { readonly [projectionVersionBrand]: true };

export interface ProjectionVersionParts {
  /** Distinct events folded. */
  readonly eventCount: number;
  /** Sum of their `acceptedAt`, nanoseconds. */
  readonly acceptedSum: bigint;
  /** `EventHandler.version`, 0 to 2³² − 1. */
  readonly handlerVersion: number;
  /** 0, or how often the projection was forced. */
  readonly revision: number;
}

const LIMIT = 1n << 256n;
const ACCEPTED_SUM_LIMIT = 1n << 96n;
const HANDLER_VERSION_LIMIT = 2 ** 32;

/** @throws EventSourcingError `INVALID_OPTIONS` when a part is out of its range */
export function makeProjectionVersion(parts: ProjectionVersionParts): ProjectionVersion {
  const { eventCount, acceptedSum, handlerVersion, revision } = parts;
  assertPart("eventCount", Number.isSafeInteger(eventCount) && eventCount >= 0, eventCount);
  assertPart("acceptedSum", acceptedSum >= 0n && acceptedSum < ACCEPTED_SUM_LIMIT, acceptedSum);
  assertHandlerVersion(handlerVersion);
  assertPart("revision", Number.isSafeInteger(revision) && revision >= 0, revision);
  return ((BigInt(eventCount) << 192n) |
    (acceptedSum << 96n) |
    (BigInt(handlerVersion) << 64n) |
    BigInt(revision)) as ProjectionVersion;
}

export function readProjectionVersion(version: ProjectionVersion): ProjectionVersionParts {
  return {
    eventCount: Number(version >> 192n),
    acceptedSum: (version >> 96n) & (ACCEPTED_SUM_LIMIT - 1n),
    handlerVersion: Number((version >> 64n) & 0xffff_ffffn),
    revision: Number(version & 0xffff_ffff_ffff_ffffn),
  };
}

/** From its decimal form, as stores and JSON hold it. @throws EventSourcingError `INVALID_OPTIONS` */
export function parseProjectionVersion(text: string): ProjectionVersion {
  const value = /^\d{1,78}$/.test(text) ? BigInt(text) : -1n;
  assertPart("version", value >= 0n && value < LIMIT, text);
  return value as ProjectionVersion;
}

/** @throws EventSourcingError `INVALID_OPTIONS` unless it is a whole number from 0 to 2³² − 1 */
export function assertHandlerVersion(version: number): void {
  wholeNumber("version of the event handler", version, 0, HANDLER_VERSION_LIMIT - 1);
}

function assertPart(part: string, valid: boolean, value: unknown): void {
  if (!valid) {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `Projection version: ${part} is out of range: ${String(value)}.`,
    );
  }
}
