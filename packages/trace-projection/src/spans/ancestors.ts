/** Of chains that are longer what goes up span by span is not worth it: for each that is new it would go up all of it. */
export const MOST_STEPS_UP = 1_000;

interface Below<TSpan> {
  readonly parent: TSpan | undefined;
}

/** Whether a span is its own ancestor, or so deep that it is not looked for. */
export function mayBeOwnAncestor<TSpan extends Below<TSpan>>(span: TSpan): boolean {
  let steps = 0;
  for (let at = span.parent; at !== undefined; at = at.parent) {
    if (at === span || ++steps > MOST_STEPS_UP) return true;
  }
  return false;
}
