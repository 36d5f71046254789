/** Limits what one call of `JSON.stringify` writes, roughly: the number of members plus the characters of names and texts. */
const STEP_WEIGHT = 32 * 1024;
/** Characters that are made bytes together. */
const PIECE_CHARACTERS = 64 * 1024;

/**
 * Writes a JSON value as `JSON.stringify` does, in steps of about a millisecond. One text is one step. Gives the text in
 * pieces, as UTF-8: one buffer of all would be made in one step.
 *
 * @param value lists, plain objects without `toJSON`, texts, numbers, flags and null; an undefined member is left out
 */
export function* jsonInSteps(value: unknown): Generator<void, readonly Buffer[]> {
  const pieces = new Pieces();
  yield* write(value, pieces);
  return pieces.finish();
}

/** Texts become bytes piece by piece: one large text would be made bytes, and before that one text, at once. */
class Pieces {
  readonly #bytes: Buffer[] = [];
  #text = "";

  /** Whether a piece is complete: the step has done enough. */
  add(text: string): boolean {
    this.#text += text;
    if (this.#text.length < PIECE_CHARACTERS) return false;
    this.#cut();
    return true;
  }

  finish(): readonly Buffer[] {
    if (this.#text !== "") this.#cut();
    return this.#bytes;
  }

  #cut(): void {
    this.#bytes.push(Buffer.from(this.#text));
    this.#text = "";
  }
}

function* write(value: unknown, pieces: Pieces): Generator<void, void> {
  if (typeof value !== "object" || value === null || weightOf(value, STEP_WEIGHT) <= STEP_WEIGHT) {
    if (pieces.add(JSON.stringify(value) ?? "null")) yield;
    return;
  }
  let members = 0;
  if (Array.isArray(value)) {
    for (const member of value) {
      pieces.add(members++ === 0 ? "[" : ",");
      yield* write(member, pieces);
    }
    pieces.add("]");
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    pieces.add(`${members++ === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    yield* write(member, pieces);
  }
  pieces.add(members === 0 ? "{}" : "}");
}

/** How much there is to write; of more than `most` only that. */
function weightOf(value: unknown, most: number): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 1;
  let weight = 1;
  if (Array.isArray(value)) {
    for (const member of value) {
      weight += weightOf(member, most - weight);
      if (weight > most) return weight;
    }
    return weight;
  }
  for (const name in value) {
    weight += name.length + weightOf((value as Readonly<Record<string, unknown>>)[name], most - weight);
    if (weight > most) return weight;
  }
  return weight;
}
