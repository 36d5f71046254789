/** Longer ones are left alone: nobody prints a whole object so in earnest. */
const MAX_CHARACTERS = 65_536;

const tokens =
  /\s+|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(True|False|None)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([{}[\]():,])/gy;

const words: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };
const brackets: Readonly<Record<string, string>> = { "(": "[", ")": "]" };

/** The JSON text of a dictionary as Python prints it, `{'tokens': 5, 'cached': None}`; undefined if it is none. */
export function pythonToJson(text: string): string | undefined {
  if (text.length > MAX_CHARACTERS || !/^\s*\{\s*'/.test(text)) return undefined;
  let json = "";
  let end = 0;
  for (const match of text.matchAll(tokens)) {
    const [whole, single, double, word, number, mark] = match;
    end = match.index + whole.length;
    const quoted = single ?? double;
    if (quoted !== undefined) json += JSON.stringify(unescaped(quoted));
    else {
      // `(1,)` has a comma more than JSON takes.
      if (mark !== undefined && /[)\]}]/.test(mark) && json.endsWith(",")) json = json.slice(0, -1);
      json += words[word ?? ""] ?? number ?? brackets[mark ?? ""] ?? mark ?? "";
    }
  }
  return end === text.length ? json : undefined;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs, (_, hex, wide, plain: string) => {
    const code = (hex ?? wide) as string | undefined;
    return code === undefined ? (escapes[plain] ?? plain) : String.fromCharCode(Number.parseInt(code, 16));
  });
}
