import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../traceProjection.js";
import { type ContentLimits, cutMessages, defaultContentLimits, jsonSize } from "./contentLimits.js";
import { bytesIn } from "./encodedBytes.js";

const limits: ContentLimits = { ...defaultContentLimits, messagesCharacters: 20_000 };
const base64 = (bytes: number) => randomBytes(bytes).toString("base64");
const png = `iVBORw0KGgo${base64(90_000)}`;
const question = { role: "user", content: "What is in the picture?" };
const system = { role: "system", content: "You describe pictures. Answer in one sentence." };

function cut(messages: readonly Json[], from: "start" | "end" = "end") {
  return cutMessages(messages, from, limits);
}

describe("messages that do not fit", () => {
  it.each<[string, Json, string]>([
    [
      "an image of OpenAI's",
      { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
      "image/png",
    ],
    [
      "an image of Anthropic's",
      { type: "image", source: { type: "base64", media_type: "image/webp", data: base64(90_000) } },
      "image/webp",
    ],
    [
      "inline data of Gemini's",
      { inline_data: { mime_type: "audio/wav", data: base64(90_000) } },
      "audio/wav",
    ],
    [
      "a blob of OpenTelemetry's",
      { type: "blob", mime_type: "video/mp4", content: base64(90_000) },
      "video/mp4",
    ],
    [
      "sound of OpenAI's",
      { type: "input_audio", input_audio: { data: base64(90_000), format: "mp3" } },
      "mp3",
    ],
    [
      "a file of the AI SDK's",
      { type: "file", mediaType: "application/pdf", data: base64(90_000) },
      "application/pdf",
    ],
    ["base64 that only its beginning tells of", { type: "image", image: png }, "image/png"],
    [
      "a link in Markdown",
      { type: "text", text: `See ![](data:image/jpeg;base64,${png}) there.` },
      "image/jpeg",
    ],
    [
      "a picture in vectors",
      { type: "text", text: `data:image/svg+xml,${"%3Cpath%20d%3D".repeat(3_000)}` },
      "image/svg+xml",
    ],
    ["JSON in a text", { type: "text", text: JSON.stringify({ ok: true, image: png }) }, "image/png"],
    ["lines of base64", { type: "text", text: `Here:\n${png.replace(/.{76}/g, "$&\r\n")}` }, "image/png"],
    ["bytes as a list", { type: "Buffer", data: [...randomBytes(30_000)] }, "list of 30000 numbers"],
  ])("keep their words, and name what was left out: %s", (_, part, mediaType) => {
    const list = [
      system,
      { role: "user", content: [{ type: "text", text: "Look at this." }, part] },
      question,
    ];
    const { messages, whole, dropped, shortened } = cut(list);
    expect(messages).toHaveLength(3);
    expect(messages[0]).toEqual(system);
    expect(messages[2]).toEqual(question);
    const text = JSON.stringify(messages[1]);
    expect(text).toContain("Look at this.");
    expect(text).toContain(`[left out: ${mediaType}, `);
    expect(text.length).toBeLessThan(1_000);
    expect({ whole, dropped }).toEqual({ whole: false, dropped: false });
    expect(shortened?.values).toBe(1);
    expect(shortened?.total).toBeGreaterThan(20_000);
    expect(shortened?.kept).toBeLessThan(200);
  });

  it("leave JSON in a text JSON, also where its slashes are escaped", () => {
    const text = JSON.stringify({ image: png, caption: "a cat" }).replaceAll("/", "\\/");
    const { messages } = cut([{ role: "tool", content: text }]);
    const [message] = messages as readonly { readonly content: string }[];
    expect(JSON.parse(message?.content ?? "")).toEqual({
      image: expect.stringMatching(/^\[left out: image\/png, \d+ characters\]$/),
      caption: "a cat",
    });
  });

  it("leave out the largest first, and keep those that fit", () => {
    const picture = (data: string) => ({ type: "image", mediaType: "image/png", data });
    const [small, large] = [base64(3_000), base64(60_000)];
    const { messages } = cut([{ role: "user", content: [picture(small), picture(large)] }]);
    expect(JSON.stringify(messages)).toContain(small);
    expect(JSON.stringify(messages)).toContain(`[left out: image/png, ${large.length} characters]`);
  });

  it("cut a long text to what there is room for before a message is dropped", () => {
    const result = { role: "tool", content: `The file says: ${"so it goes, ".repeat(10_000)}` };
    const { messages, dropped, shortened } = cut([system, result, question]);
    expect(messages).toHaveLength(3);
    expect(dropped).toBe(false);
    const [, kept] = messages as readonly { readonly content: string }[];
    expect(kept?.content).toMatch(/^The file says: so it goes, .*… \[\d+ of 120015 characters left out\]$/);
    expect(jsonSize(messages as Json)).toBeGreaterThan(limits.messagesCharacters * 0.99);
    expect(shortened).toEqual({ values: 1, kept: kept?.content.length, total: 120_015 });
  });

  it("drop old messages of ordinary length, and cut none of the others", () => {
    const list = Array.from({ length: 200 }, (_, n) => ({ role: "user", content: `${n} `.repeat(100) }));
    const { messages, dropped, shortened } = cut(list);
    expect(messages.at(-1)).toEqual(list.at(-1));
    expect(messages.length).toBeLessThan(100);
    expect({ dropped, shortened }).toEqual({ dropped: true, shortened: undefined });
  });

  it("that do fit are kept as they are, pictures too", () => {
    const list = [system, { role: "user", content: [{ type: "image", data: base64(9_000) }] }];
    expect(cut(list)).toMatchObject({ messages: list, whole: true, dropped: false });
  });

  it("never take more room than there is, and say so whenever anything is missing", () => {
    const text = fc.oneof(
      fc.string({ maxLength: 50 }),
      fc.nat({ max: 600 }).map((words) => "word ".repeat(words)),
      fc.nat({ max: 1_500 }).map((bytes) => Buffer.alloc(bytes, "aZ9/+b").toString("base64")),
      fc
        .nat({ max: 1_500 })
        .map((bytes) => `data:image/png;base64,${Buffer.alloc(bytes, 7).toString("base64")}`),
      fc.nat({ max: 700 }).map((length) => "😀".repeat(length)),
    );
    const part = fc.oneof(
      text,
      fc.record({ type: fc.constantFrom("text", "image"), text, mime_type: fc.string({ maxLength: 20 }) }),
      fc.array(fc.nat({ max: 255 }), { maxLength: 600 }),
    );
    const message = fc.record({
      role: fc.constantFrom("user", "tool"),
      content: fc.array(part, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.integer({ min: 1, max: 6_000 }),
        fc.constantFrom("start", "end"),
        (list, messagesCharacters, from) => {
          const result = cutMessages(list as Json[], from as "start", { ...limits, messagesCharacters });
          const size = result.messages.reduce<number>((sum, kept) => sum + jsonSize(kept), 0);
          expect(size).toBeLessThanOrEqual(
            Math.max(messagesCharacters, 2 * result.messages.length + messagesCharacters),
          );
          const isSame = JSON.stringify(result.messages) === JSON.stringify(list);
          expect(result.whole).toBe(isSame);
          expect(JSON.stringify(result.messages).isWellFormed()).toBe(true);
          if (result.shortened !== undefined)
            expect(result.shortened.kept).toBeLessThan(result.shortened.total);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("encoded bytes in a text", () => {
  it.each([
    ["a long word", "Donaudampfschifffahrt".repeat(40)],
    ["a line of dashes", "-".repeat(5_000)],
    ["hexadecimal digits", "0123456789abcdef".repeat(100)],
    ["a list of names, one in a line", Array.from({ length: 300 }, (_, i) => `Name${i}`).join("\n")],
    ["a path", "/Users/ada/Documents/2026/".repeat(5)],
    ["prose", "In 2026 Ada wrote 300 letters. ".repeat(100)],
  ])("are not %s", (_, text) => {
    expect([...bytesIn(text)]).toEqual([]);
  });

  it("take a time by the length of the text, however often something begins that is none", () => {
    for (const piece of [
      "data:",
      "data:a/b;",
      "data:image/png;base64,",
      "A1b",
      `${"aB3".repeat(20)}\n`,
      "\\/",
      "=\n",
    ]) {
      const text = piece.repeat(Math.ceil(2 ** 20 / piece.length));
      const started = performance.now();
      for (const { start, end } of bytesIn(text)) expect(end).toBeGreaterThan(start);
      expect(performance.now() - started).toBeLessThan(10_000);
    }
  });
});
