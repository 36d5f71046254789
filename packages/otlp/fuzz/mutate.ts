import type { Random } from "./random.js";

/** Lengths, tags and integers at the edges of what varints and fixed fields hold. */
const interesting = [
  "00",
  "01",
  "7f",
  "80",
  "ff",
  "8000",
  "ff7f",
  "ffffffff07",
  "8080808008",
  "ffffffff0f",
  "ffffffffffffffff7f",
  "ffffffffffffffffff01",
  "ffffffffffffffffffff01",
  "80808080808080808000",
  "0a00",
  "0a80808080808080808001",
  "0b",
  "0c",
  "0e",
  "07",
  "00000000",
  "ffffffffffffffff",
  "0000000000000080",
  "efbfbd",
  "c080",
  "eda080",
  "f4908080",
].map((hex) => Buffer.from(hex, "hex"));

/** One to a few changes of any bytes: bits, bytes, cuts, repeats, pieces of another body. */
export function mutateBytes(original: Buffer, other: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let changes = random.chance(60) ? 1 : 1 + random.below(4); changes > 0; changes--)
    bytes = mutateOnce(bytes, other, random);
  return bytes;
}

function mutateOnce(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.chance(80) ? 8 : 200);
  const insert = (piece: Buffer): Buffer => Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  switch (random.below(10)) {
    case 0:
    case 1: {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = (changed[at] as number) ^ (1 << random.below(8));
      return changed;
    }
    case 2: {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = random.below(256);
      return changed;
    }
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4:
      return insert(random.bytes(length));
    case 5:
      return bytes.subarray(0, at);
    case 6:
      return insert(bytes.subarray(at, at + length * 4));
    case 7:
      return insert(random.pick(interesting));
    case 8: {
      const piece = random.pick(interesting);
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + piece.length)]);
    }
    default: {
      const from = random.below(other.length + 1);
      return insert(other.subarray(from, from + length * 8));
    }
  }
}

const values = [
  "null",
  "true",
  "0",
  "-1",
  "1e999",
  "-0",
  "1.5",
  "9007199254740993",
  "18446744073709551616",
  "123456789012345678901234567890",
  '""',
  '"0"',
  '"\\ud800"',
  '"\\u0000"',
  '"18446744073709551616"',
  '"-1"',
  '"NaN"',
  '"__proto__"',
  "[]",
  "{}",
  "[null]",
  '{"__proto__":{"traceId":"0102030405060708090a0b0c0d0e0f10"}}',
  '{"stringValue":"a","intValue":"1"}',
  '{"arrayValue":{"values":[{}]}}',
];

/** One to a few changes of JSON: values, keys and brackets, and sometimes any bytes. */
export function mutateJson(original: string, other: string, random: Random): Buffer {
  let text = original;
  for (let changes = random.chance(60) ? 1 : 1 + random.below(3); changes > 0; changes--)
    text = mutateJsonOnce(text, other, random);
  const bytes = Buffer.from(text);
  return random.chance(15) ? mutateBytes(bytes, Buffer.from(other), random) : bytes;
}

function mutateJsonOnce(text: string, other: string, random: Random): string {
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return replaceMatch(
        text,
        /(?<=:)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)/g,
        random.pick(values),
        random,
      );
    case 3:
      return replaceMatch(text, /"(?:[^"\\]|\\.)*"(?=:)/g, keyOf(other, random), random);
    case 4:
      return replaceMatch(
        text,
        /[[\]{},:"]/g,
        random.pick(["", "[", "]", "{", "}", ",", ":", '"', " ", "\n"]),
        random,
      );
    case 5: {
      // A member twice, or once more with another value.
      const key = keyOf(text, random);
      return replaceMatch(text, /\{/g, `{${key}:${random.pick(values)},`, random);
    }
    case 6: {
      const depth = random.pick([2, 99, 101, 150, 3_000]);
      const nested = `${'{"arrayValue":{"values":['.repeat(depth)}{}${"]}}".repeat(depth)}`;
      return replaceMatch(text, /(?<="value":)\{/g, `${nested},"x":{`, random);
    }
    default:
      return text.slice(0, random.below(text.length + 1));
  }
}

function replaceMatch(text: string, pattern: RegExp, replacement: string, random: Random): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const { index, 0: found } = random.pick(matches);
  return text.slice(0, index) + replacement + text.slice(index + found.length);
}

function keyOf(text: string, random: Random): string {
  const keys = text.match(/"(?:[^"\\]|\\.)*"(?=:)/g) ?? ['"x"'];
  return random.pick(keys);
}
