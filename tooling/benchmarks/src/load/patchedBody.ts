/** How ids stand in a body. */
export type IdForm = "bytes" | "hex";

/** Four bytes at the start of every id of a template. */
export const ID_PREFIX = "e5b7c4a1";

/**
 * An encoded request that is sent again and again, with other ids each time. Encoding a request anew costs more than taking
 * it in, and a load generator must not be what is measured.
 */
export class PatchedBody {
  readonly bytes: Buffer;
  readonly #form: IdForm;
  readonly #places: readonly number[];

  /** @param template all of its ids begin with `ID_PREFIX` */
  constructor(template: Uint8Array, form: IdForm) {
    this.bytes = Buffer.from(template);
    this.#form = form;
    const prefix = form === "hex" ? Buffer.from(ID_PREFIX, "latin1") : Buffer.from(ID_PREFIX, "hex");
    const places: number[] = [];
    for (let at = this.bytes.indexOf(prefix); at !== -1; at = this.bytes.indexOf(prefix, at + prefix.length))
      places.push(at);
    if (places.length === 0) throw new Error("There are no ids in the body.");
    this.#places = places;
  }

  /** Gives every id a new start, and returns it in hex. Different numbers below 2^32 give different ids. */
  setIds(number: number): string {
    // Spread, for ids in order would be easier on the engine than those of SDKs. Odd, so that no two become one.
    const spread = Math.imul(number, 0x9e3779b1) >>> 0;
    const hex = spread.toString(16).padStart(8, "0");
    if (this.#form === "bytes") {
      for (const place of this.#places) this.bytes.writeUInt32BE(spread, place);
    } else {
      for (const place of this.#places) this.bytes.write(hex, place, "latin1");
    }
    return hex;
  }
}
