/** Texts that occur in several places: equal ones as one, as long as one of them is in use. */
export class CountedTexts {
  readonly #uses = new Map<string, { readonly text: string; count: number }>();
  #characters = 0;

  /** Distinct texts. */
  get size(): number {
    return this.#uses.size;
  }

  /** Of the distinct texts. */
  get characters(): number {
    return this.#characters;
  }

  /** @returns the text to keep in its place */
  add(text: string): string {
    const known = this.#uses.get(text);
    if (known !== undefined) {
      known.count++;
      return known.text;
    }
    this.#uses.set(text, { text, count: 1 });
    this.#characters += text.length;
    return text;
  }

  /** @param text one that was added, once more than it was removed */
  remove(text: string): void {
    const known = this.#uses.get(text);
    if (known === undefined || --known.count > 0) return;
    this.#uses.delete(text);
    this.#characters -= text.length;
  }
}
