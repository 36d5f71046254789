import { describe, expect, it } from "vitest";
import { ProtobufWriter } from "./protobufWriter.js";

/** What each method writes on its own, in a buffer that does not grow. */
const fields: Readonly<Record<string, (writer: ProtobufWriter) => void>> = {
  string: (writer) => writer.string(1, "grüße"),
  bytes: (writer) => writer.bytes(1, new Uint8Array([1, 2, 3, 255])),
  uint32: (writer) => writer.uint32(1, 4_000_000_000),
  int64: (writer) => writer.int64(1, -1n),
  fixed64: (writer) => writer.fixed64(1, 0x0102_0304_0506_0708n),
  double: (writer) => writer.double(1, Math.PI),
  fixed32: (writer) => writer.fixed32(1, 0x0102_0304),
};

describe("ProtobufWriter", () => {
  it.each(Object.entries(fields))("writes %s the same wherever its buffer grows", (_, write) => {
    const alone = new ProtobufWriter();
    write(alone);
    const expected = Buffer.from(alone.finish());
    // Fills the first buffer up to its last few bytes, so that the field crosses its end at every offset.
    for (let filler = 16_384 - expected.length - 8; filler <= 16_384; filler++) {
      const writer = new ProtobufWriter();
      writer.bytes(2, new Uint8Array(filler));
      write(writer);
      expect(Buffer.from(writer.finish()).subarray(0, expected.length).equals(expected)).toBe(true);
    }
  });
});
