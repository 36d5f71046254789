/** An error in ClickHouse's own terms: number, upper-case type, and a message without the `Code: N. DB::Exception:` frame. */
export class ClickHouseError extends Error {
  readonly code: number;
  readonly type: string;

  constructor(code: number, type: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ClickHouseError";
    this.code = code;
    this.type = type;
  }

  /** The error the engine threw, taken apart. */
  static fromEngine(cause: unknown): ClickHouseError {
    if (cause instanceof ClickHouseError) return cause;
    // The addon's synchronous call prefixes what the engine said.
    let text = (cause instanceof Error ? cause.message : String(cause)).replace(/^Query failed: /, "");
    let code = 1002;
    let type = "UNKNOWN_EXCEPTION";
    // Errors met while parsing inline data arrive framed twice.
    for (;;) {
      const frame =
        /^Code: (\d+)\. DB::\w*Exception: ([\s\S]*?)(?: \(version [^)]*\))?(?: \(([A-Z0-9_]+)\))?\s*$/.exec(
          text,
        );
      if (frame === null) break;
      code = Number(frame[1]);
      type = frame[3] ?? type;
      text = frame[2] ?? "";
    }
    text = text.replace(/(?: \([A-Z0-9_]+\))?(?: \(version [^)]*\))$/, "");
    // Whatever call of the engine runs out of files, the server is what is short of them, and not for ever.
    if (/errno: (?:23|24)\b/.test(text)) [code, type] = [76, "CANNOT_OPEN_FILE"];
    return new ClickHouseError(code, type, text, { cause });
  }

  /** The text ClickHouse would put in the response. */
  toText(version: string): string {
    return `Code: ${this.code}. DB::Exception: ${this.message} (${this.type}) (version ${version})\n`;
  }

  /** The status ClickHouse answers this error with. */
  get httpStatus(): number {
    return httpStatusByCode.get(this.code) ?? 500;
  }
}

const httpStatusByCode: ReadonlyMap<number, number> = new Map(
  (
    [
      [401, [194]],
      [403, [192, 193, 497, 512, 516]],
      [
        400,
        [
          6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441,
          675, 676,
        ],
      ],
      [404, [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511]],
      [408, [159]],
      [411, [381]],
      [413, [229]],
      [501, [48]],
      [503, [76, 209, 439]],
    ] as const
  ).flatMap(([status, codes]) => codes.map((code) => [code, status] as const)),
);
