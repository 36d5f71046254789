import { describe, expect, it } from "vitest";
import { pythonToJson } from "./pythonLiteral.js";

describe("pythonToJson", () => {
  it.each([
    ["{'input_tokens': 10, 'details': {'cache_read': 4}}", { input_tokens: 10, details: { cache_read: 4 } }],
    ["{'a': None, 'b': True, 'c': [1, -2.5e3], 'd': (1,)}", { a: null, b: true, c: [1, -2500], d: [1] }],
    [`{'it': "it's", 'q': 'say \\'hi\\'', 'l': 'a\\nb'}`, { it: "it's", q: "say 'hi'", l: "a\nb" }],
    ["{'text': 'a,] (b,)'}", { text: "a,] (b,)" }],
  ])("reads %s", (text, value) => {
    expect(JSON.parse(pythonToJson(text) ?? "")).toEqual(value);
  });

  it.each(["{'a': object()}", "{'a': <Usage>}", '{"a": 1}', "['a']", "{'a': 1", ""])(
    "leaves %s alone",
    (text) => {
      const json = pythonToJson(text);
      expect(() => JSON.parse(json ?? "")).toThrow();
    },
  );
});
