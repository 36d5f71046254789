import { describe, expect, it } from "vitest";
import { BodyMemory } from "./bodyMemory.js";

const chunksOf = (...texts: readonly string[]): [Buffer[], number] => {
  const chunks = texts.map((text) => Buffer.from(text));
  return [chunks, chunks.reduce((sum, { length }) => sum + length, 0)];
};

describe("the memory of bodies", () => {
  it("joins chunks, whatever was in it before", () => {
    const memory = new BodyMemory();
    const first = memory.join(...chunksOf("a longer one, ", "of two"));
    expect(first.bytes.toString()).toBe("a longer one, of two");
    first.free();
    const second = memory.join(...chunksOf("short", "er"));
    expect(second.bytes.toString()).toBe("shorter");
    expect(second.bytes.buffer).toBe(first.bytes.buffer);
  });

  it("gives nobody what somebody still reads", () => {
    const memory = new BodyMemory();
    const bodies = Array.from({ length: 20 }, (_, place) => memory.join(...chunksOf("body ", String(place))));
    expect(bodies.map(({ bytes }) => bytes.toString())).toEqual(bodies.map((_, place) => `body ${place}`));
    for (const { free } of bodies) {
      free();
      free();
    }
    const again = Array.from({ length: 20 }, () => memory.join(...chunksOf("x", "y")).bytes.buffer);
    expect(new Set(again).size).toBe(20);
    // And keeps no more than a few.
    const buffers = new Set(bodies.map(({ bytes }) => bytes.buffer));
    expect(again.filter((buffer) => buffers.has(buffer))).toHaveLength(8);
  });

  it("passes on a single chunk as it is, and joins no chunk at all", () => {
    const memory = new BodyMemory();
    const chunk = Buffer.from("alone");
    expect(memory.join([chunk], 5).bytes).toBe(chunk);
    expect(memory.join([], 0).bytes).toHaveLength(0);
  });
});
