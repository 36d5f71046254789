import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { protobufMeaning } from "../fuzz/expectation.js";
import type { FuzzRequest } from "../fuzz/fuzzRequest.js";
import { faultOf } from "../fuzz/judge.js";
import { spansDigest } from "../fuzz/spanDigest.js";
import { decodeTraceRequest, encodeTraceRequest, encodeTraceResponse } from "../src/index.js";

const run = promisify(execFile);
const folder = fileURLToPath(new URL("..", import.meta.url));

describe("the endpoint, under mutated requests", () => {
  beforeAll(async () => {
    const tsc = fileURLToPath(new URL("../../../node_modules/.bin/tsc", import.meta.url));
    await run(tsc, ["-p", "tsconfig.fuzz.json"], { cwd: folder });
  }, 120_000);

  it.each([1, 101, 102])("never lies, fails or grows: seed %i", { timeout: 300_000 }, async (seed) => {
    const args = [".fuzz/fuzz/main.js", "--seed", String(seed), "--bodies", "1500"];
    const { stdout } = await run(process.execPath, args, { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).not.toContain("FAULT");
    expect(stdout).toMatch(/: 1500 bodies in /);
    // Enough is taken, and enough refused, to mean something.
    const count = (status: number) => Number(new RegExp(`${status}: (\\d+)`).exec(stdout)?.[1] ?? 0);
    expect(count(200)).toBeGreaterThan(300);
    expect(count(400)).toBeGreaterThan(300);
  });
});

describe("heavy bodies", () => {
  it.each([1, 2])(
    "stop nothing for long, and take little more memory than their bytes: seed %i",
    { timeout: 300_000 },
    async (seed) => {
      const tsc = fileURLToPath(new URL("../../../node_modules/.bin/tsc", import.meta.url));
      await run(tsc, ["-p", "tsconfig.fuzz.json"], { cwd: folder });
      const args = ["--expose-gc", ".fuzz/fuzz/heavy.js", "--seed", String(seed), "--bodies", "20"];
      const { stdout } = await run(process.execPath, args, { cwd: folder }).catch(
        (error: { stdout: string }) => error,
      );
      expect(stdout).not.toContain("FAULT");
      expect(stdout).toMatch(/: 20 heavy bodies, /);
    },
  );
});

describe("the judge of replies", () => {
  const span = decodeTraceRequest(
    Buffer.from(
      JSON.stringify({
        resourceSpans: [
          { scopeSpans: [{ spans: [{ traceId: "01".repeat(16), spanId: "02".repeat(8), name: "a" }] }] },
        ],
      }),
    ),
    "json",
  ).spans;
  const body = Buffer.from(encodeTraceRequest(span, "protobuf"));
  const request: FuzzRequest = {
    bytes: [],
    meaning: protobufMeaning(body),
    isPlain: true,
    isLast: false,
    isCut: false,
  };
  const reply = (status: number, headers: Readonly<Record<string, string>> = {}, rejectedSpans = 0) => ({
    status,
    headers: new Map(Object.entries({ "content-type": "application/x-protobuf", ...headers })),
    body: Buffer.from(
      encodeTraceResponse(rejectedSpans === 0 ? undefined : { rejectedSpans, errorMessage: "" }, "protobuf"),
    ),
    closes: false,
  });
  const stored = { "x-count": "1", "x-digest": spansDigest(span) };

  it("takes the truth", () => {
    expect(faultOf(request, reply(200, stored))).toBeUndefined();
    expect(faultOf({ ...request, meaning: { kind: "unreadable" } }, reply(400))).toBeUndefined();
  });

  it.each<[string, FuzzRequest, ReturnType<typeof reply> | undefined]>([
    ["nothing was stored", request, reply(200)],
    ["other spans were stored", request, reply(200, { ...stored, "x-digest": "other" })],
    ["a good span was rejected", request, reply(200, {}, 1)],
    ["a success for nothing", { ...request, meaning: { kind: "unreadable" } }, reply(200)],
    ["a success for half of a request", { ...request, isCut: true }, reply(200, stored)],
    ["a refusal of what can be read", request, reply(400)],
    ["a failure", request, reply(500)],
    ["no answer", request, undefined],
    ["more than was sent", { ...request, meaning: { kind: "among", briefs: [] } }, reply(200, stored)],
    [
      "others than were sent",
      { ...request, meaning: { kind: "among", briefs: ["a"] } },
      reply(200, { ...stored, "x-briefs": "b" }),
    ],
  ])("finds the lie: %s", (_, asked, answer) => {
    expect(faultOf(asked, answer)).toEqual(expect.any(String));
  });
});
