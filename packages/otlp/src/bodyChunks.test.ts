import { describe, expect, it } from "vitest";
import { BodyChunks } from "./bodyChunks.js";

describe("the chunks of a body", () => {
  it("come back in their order, whatever their sizes", () => {
    const chunks = new BodyChunks();
    const sent: Buffer[] = [];
    for (let i = 0; i < 3_000; i++) {
      const size = i % 700 === 5 ? 70_000 : i % 97 === 0 ? 4_096 : (i * 31) % 200;
      const chunk = Buffer.alloc(size, i % 251);
      sent.push(chunk);
      chunks.add(chunk);
    }
    expect(chunks.length).toBe(Buffer.concat(sent).length);
    expect(Buffer.concat(chunks.take()).equals(Buffer.concat(sent))).toBe(true);
    expect(chunks.take()).toEqual([]);
  });

  it("are few buffers when they are tiny", () => {
    const chunks = new BodyChunks();
    for (let i = 0; i < 200_000; i++) chunks.add(Buffer.from([i & 0xff]));
    expect(chunks.take().length).toBeLessThan(25);
  });
});
