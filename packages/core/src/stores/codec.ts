/**
 * Keeps events whose data are no JSON values: what `decode` makes of what `encode` gave equals the event, and shares
 * nothing with it that can change.
 */
export interface EventCodec<TEvent, TStored = unknown> {
  /** A throw refuses the event as `INVALID_EVENT`. */
  encode(event: TEvent): TStored;
  decode(stored: TStored): TEvent;
}

/** Keeps projections that are no JSON values: what `decode` makes of what `encode` gave equals the projection. */
export interface ProjectionCodec<TProjection> {
  /** A throw refuses the projection as `INVALID_PROJECTION`. @default jsonText */
  encode?(projection: TProjection): string;
  /** A throw is read as `undecodable`. @default JSON.parse */
  decode?(text: string): TProjection;
}
