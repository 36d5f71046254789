import type { Steps } from "./decodeTurns.js";

/** Where a JSON value begins and ends in the bytes of a request. */
export interface JsonRange {
  readonly start: number;
  readonly end: number;
}

/** The text is not JSON. */
export class JsonSyntaxError extends Error {}

/** Names of members, each with its place. */
export class MemberNames {
  readonly texts: readonly string[];
  readonly quoted: readonly Uint8Array[];

  constructor(...texts: readonly string[]) {
    this.texts = texts;
    this.quoted = texts.map((text) => new Uint8Array(Buffer.from(`"${text}"`)));
  }
}

/** The place of a name that is not among {@link MemberNames}. */
export const UNKNOWN_MEMBER = -1;
/** What comes instead of a member when the object has ended. */
export const END_OF_OBJECT = -2;

export const OPEN_LIST = 0x5b;
export const OPEN_OBJECT = 0x7b;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const CLOSE_OBJECT = 0x7d;

/** Bytes that are only looked at in one step: less than a millisecond's work. */
const STEP_BYTES = 256 * 1024;
/** A number is read in one step. */
const MAX_NUMBER_LENGTH = 65_536;
/** No known name is longer with each letter escaped. */
const MAX_ESCAPED_NAME = 256;

/** By byte behind a backslash: 1 for the escapes of JSON, `u` apart. */
const isEscape = new Uint8Array(256);
for (const name of '"\\/bfnrt') isEscape[name.charCodeAt(0)] = 1;
const isHex = new Uint8Array(256);
for (const digit of "0123456789abcdefABCDEF") isHex[digit.charCodeAt(0)] = 1;
const isBlank = new Uint8Array(256);
for (const blank of " \n\r\t") isBlank[blank.charCodeAt(0)] = 1;

const literals = ["true", "false", "null"].map((text) => new Uint8Array(Buffer.from(text)));

/** What is expected next inside of a value. */
const VALUE = 0;
const STRING = 1;
const NAME = 2;
const NAME_STRING = 3;
const NAME_END = 4;
/** The first member or element, or the end. */
const FIRST = 5;
const AFTER = 6;

/**
 * Goes through JSON text without making values of it, held to the grammar, in steps: whatever it skips costs time linear in
 * its bytes and no memory, but for a byte per level of nesting.
 *
 * @throws JsonSyntaxError for what is not JSON
 */
export class JsonScanner {
  position: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #stepBytes: number;
  #stepEnd: number;
  #state = VALUE;
  #depth = 0;
  #stack = new Uint8Array(64);

  /** @param stepBytes fewer where more is done with the bytes than to look at them */
  constructor(bytes: Uint8Array, { start, end }: JsonRange, stepBytes = STEP_BYTES) {
    this.#stepBytes = stepBytes;
    this.#bytes = bytes;
    this.#end = end;
    this.position = start;
    this.#stepEnd = start + stepBytes;
  }

  /** Whether a step has ended: then the caller yields. */
  endsStep(): boolean {
    if (this.position < this.#stepEnd) return false;
    this.#stepEnd = this.position + this.#stepBytes;
    return true;
  }

  /** The next byte that is no blank; undefined at the end. */
  *next(): Steps<number | undefined> {
    const bytes = this.#bytes;
    for (;;) {
      const end = Math.min(this.#end, this.#stepEnd);
      let at = this.position;
      while (at < end && isBlank[bytes[at] as number] === 1) at++;
      this.position = at;
      if (at < end) return bytes[at];
      if (at >= this.#end) return undefined;
      this.#stepEnd = at + this.#stepBytes;
      yield;
    }
  }

  /** Skips any value. */
  *skip(): Steps<void> {
    this.#state = VALUE;
    this.#depth = 0;
    while (!this.#advance()) yield;
  }

  /** Skips any value. Where it is. */
  *range(): Steps<JsonRange> {
    yield* this.next();
    const start = this.position;
    yield* this.skip();
    return { start, end: this.position };
  }

  /**
   * Skips a value that begins here if it ends within so many bytes; otherwise stays where it is. Whether it did. The next byte
   * is no blank.
   */
  skipWithin(length: number): boolean {
    const start = this.position;
    const stepEnd = this.#stepEnd;
    this.#state = VALUE;
    this.#depth = 0;
    this.#stepEnd = start + length;
    const isSkipped = this.#advance();
    this.#stepEnd = stepEnd;
    if (!isSkipped) this.position = start;
    return isSkipped;
  }

  /** Goes into the object or list that begins here. */
  enter(): void {
    this.position++;
  }

  /** Reads the name of an object's next member: its place, {@link UNKNOWN_MEMBER} or {@link END_OF_OBJECT}. */
  *member(names: MemberNames, isFirst: boolean): Steps<number> {
    if (!(yield* this.#continues(isFirst, CLOSE_OBJECT))) return END_OF_OBJECT;
    if ((yield* this.next()) !== QUOTE) this.fail();
    let place = names.quoted.findIndex((text) => this.#reads(text));
    if (place < 0) place = yield* this.#unusualName(names);
    if ((yield* this.next()) !== COLON) this.fail();
    this.position++;
    return place;
  }

  /** Whether a list goes on with another element, which is next then. */
  *element(isFirst: boolean): Steps<boolean> {
    return yield* this.#continues(isFirst, OPEN_LIST + 2);
  }

  fail(at = this.position): never {
    const byte = at < this.#end ? (this.#bytes[at] as number) : undefined;
    const found =
      byte === undefined
        ? "the text ends too early"
        : byte > 0x20 && byte < 0x7f
          ? `${JSON.stringify(String.fromCharCode(byte))} is not expected`
          : `byte 0x${byte.toString(16).padStart(2, "0")} is not expected`;
    throw new JsonSyntaxError(`${found} at position ${at}`);
  }

  *#continues(isFirst: boolean, close: number): Steps<boolean> {
    const byte = yield* this.next();
    if (byte === close) {
      this.position++;
      return false;
    }
    if (!isFirst) {
      if (byte !== COMMA) this.fail();
      this.position++;
    }
    return true;
  }

  /** A name that is not known, or is spelled with escapes. */
  *#unusualName({ texts }: MemberNames): Steps<number> {
    const start = this.position;
    yield* this.skip();
    const length = this.position - start;
    if (length > MAX_ESCAPED_NAME) return UNKNOWN_MEMBER;
    const spelling = this.#bytes.subarray(start, this.position);
    if (!spelling.includes(BACKSLASH)) return UNKNOWN_MEMBER;
    return texts.indexOf(JSON.parse(new TextDecoder().decode(spelling)) as string);
  }

  #reads(text: Uint8Array): boolean {
    const bytes = this.#bytes;
    const start = this.position;
    if (start + text.length > this.#end) return false;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
    this.position = start + text.length;
    return true;
  }

  /** Goes on with a value up to the end of the step. Whether the value has ended. */
  #advance(): boolean {
    const bytes = this.#bytes;
    const end = Math.min(this.#end, this.#stepEnd);
    let stack = this.#stack;
    let at = this.position;
    let state = this.#state;
    let depth = this.#depth;
    for (;;) {
      if (state === STRING || state === NAME_STRING) {
        let isClosed = false;
        while (at < end) {
          const byte = bytes[at++] as number;
          if (byte > BACKSLASH) continue;
          if (byte === QUOTE) {
            isClosed = true;
            break;
          }
          if (byte < 0x20) this.fail(at - 1);
          if (byte !== BACKSLASH) continue;
          const escaped = at < this.#end ? (bytes[at++] as number) : this.fail(this.#end);
          if (isEscape[escaped] === 1) continue;
          if (escaped !== 0x75) this.fail(at - 1);
          for (const digits = at + 4; at < digits; at++)
            if (at >= this.#end || isHex[bytes[at] as number] !== 1) this.fail(at);
        }
        if (!isClosed) break;
        if (state === NAME_STRING) state = NAME_END;
        else if (depth === 0) {
          this.position = at;
          return true;
        } else state = AFTER;
      }
      while (at < end && isBlank[bytes[at] as number] === 1) at++;
      if (at >= end) break;
      const byte = bytes[at] as number;
      switch (state) {
        case AFTER: {
          const opened = stack[depth - 1] as number;
          if (byte === COMMA) {
            state = opened === OPEN_OBJECT ? NAME : VALUE;
            at++;
            continue;
          }
          // Brackets and braces close two behind where they open.
          if (byte !== opened + 2) this.fail(at);
          at++;
          depth--;
          break;
        }
        case FIRST: {
          const opened = stack[depth - 1] as number;
          if (byte !== opened + 2) {
            state = opened === OPEN_OBJECT ? NAME : VALUE;
            continue;
          }
          at++;
          depth--;
          break;
        }
        case NAME:
          if (byte !== QUOTE) this.fail(at);
          state = NAME_STRING;
          at++;
          continue;
        case NAME_END:
          if (byte !== COLON) this.fail(at);
          state = VALUE;
          at++;
          continue;
        default:
          if (byte === QUOTE) {
            state = STRING;
            at++;
            continue;
          }
          if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
            if (depth === stack.length) stack = this.#growStack();
            stack[depth++] = byte;
            state = FIRST;
            at++;
            continue;
          }
          at = this.#scalarEnd(at, byte);
      }
      // A value has ended.
      state = AFTER;
      if (depth > 0) continue;
      this.position = at;
      return true;
    }
    if (at >= this.#end) this.fail(this.#end);
    this.position = at;
    this.#state = state;
    this.#depth = depth;
    this.#stepEnd = at + this.#stepBytes;
    return false;
  }

  #growStack(): Uint8Array<ArrayBuffer> {
    const grown = new Uint8Array(this.#stack.length * 2);
    grown.set(this.#stack);
    this.#stack = grown;
    return grown;
  }

  #scalarEnd(start: number, first: number): number {
    const bytes = this.#bytes;
    if (first !== MINUS && !isDigit(first)) {
      for (const text of literals) {
        let i = 0;
        while (i < text.length && bytes[start + i] === text[i]) i++;
        if (i === text.length && start + i <= this.#end) return start + i;
      }
      this.fail(start);
    }
    let at = first === MINUS ? start + 1 : start;
    const stop = Math.min(this.#end, start + MAX_NUMBER_LENGTH);
    const digits = (): void => {
      if (at >= stop || !isDigit(bytes[at])) this.fail(at);
      while (at < stop && isDigit(bytes[at])) at++;
    };
    if (bytes[at] === 0x30 && at < stop) at++;
    else digits();
    if (at < stop && bytes[at] === 0x2e) {
      at++;
      digits();
    }
    if (at < stop && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
      at++;
      if (bytes[at] === 0x2b || bytes[at] === MINUS) at++;
      digits();
    }
    if (at - start >= MAX_NUMBER_LENGTH)
      throw new JsonSyntaxError(`a number at position ${start} has ${MAX_NUMBER_LENGTH} digits or more`);
    return at;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
