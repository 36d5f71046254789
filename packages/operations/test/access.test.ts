import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { type RunningOperations, serveOperations } from "./operations.js";

const TOKEN = "correct-horse-battery-staple";
let running: RunningOperations | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
}

/** Not `fetch`, which does not let a program set `Host` or `Origin`. */
function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  method = "GET",
  body = "",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      const parsed = JSON.parse(text) as { error?: { code: string } };
      resolve({ status: response.statusCode ?? 0, code: parsed.error?.code });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("without a token", () => {
  it.each(["127.0.0.1", "localhost:4319", "[::1]:4319", "127.8.9.1"])(
    "serves programs of this machine at %s",
    async (host) => {
      running = await serveOperations();
      expect(await send(`${running.url}/operations/queue`, { host })).toMatchObject({ status: 200 });
    },
  );

  it.each([
    "evil.example",
    "evil.example:4319",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
  ])("refuses the name %j, which a web page may have made resolve to this machine", async (host) => {
    running = await serveOperations();
    expect(await send(`${running.url}/operations/queue`, { host })).toEqual({
      status: 403,
      code: "FORBIDDEN",
    });
  });

  it("serves nothing where others could reach it", async () => {
    running = await serveOperations({}, { host: "0.0.0.0" });
    expect(await send(`${running.url}/operations/queue`, {})).toEqual({
      status: 403,
      code: "OPERATIONS_DISABLED",
    });
  });
});

describe("with a token", () => {
  it("serves whoever shows it, under any name", async () => {
    running = await serveOperations({}, { host: "0.0.0.0", token: TOKEN });
    const headers = { authorization: `Bearer ${TOKEN}`, host: "worker:4319" };
    expect(await send(`${running.url}/operations/queue`, headers)).toMatchObject({ status: 200 });
  });

  it.each([
    ["no token", {}],
    ["another", { authorization: "Bearer correct-horse-battery-stapl" }],
    ["a longer one", { authorization: `Bearer ${TOKEN}x` }],
    ["an empty one", { authorization: "Bearer " }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
  ])("refuses %s, on a loopback address too", async (_, headers) => {
    running = await serveOperations({}, { token: TOKEN });
    const answer = await send(`${running.url}/operations/queue`, headers as Record<string, string>);
    expect(answer).toEqual({ status: 401, code: "UNAUTHORIZED" });
  });
});

describe("what a web page can make a browser send", () => {
  it.each([
    ["another site's request", { origin: "https://evil.example", "content-type": "application/json" }, 403],
    ["a sandboxed page's", { origin: "null", "content-type": "application/json" }, 403],
    ["an image's", { "sec-fetch-site": "cross-site", "content-type": "application/json" }, 403],
    ["a form's", { "content-type": "text/plain" }, 415],
    ["a body of no type", {}, 415],
    ["a type that only begins right", { "content-type": "application/jsonp" }, 415],
  ])("refuses %s", async (_, headers, status) => {
    let looks = 0;
    running = await serveOperations({ reconcile: async () => ++looks });
    const url = `${running.url}/operations/reconcile`;
    const answer = await send(url, headers as Record<string, string>, "POST", "{}");
    expect(answer.status).toBe(status);
    expect(looks).toBe(0);
  });

  it("answers no preflight", async () => {
    running = await serveOperations();
    const preflight = { origin: "https://evil.example", "access-control-request-method": "POST" };
    const response = await send(`${running.url}/operations/reconcile`, preflight, "OPTIONS");
    expect(response.status).toBe(403);
  });
});

it("answers JSON for what there is not", async () => {
  running = await serveOperations();
  expect(await send(`${running.url}/`, {})).toEqual({ status: 404, code: "NOT_FOUND" });
  expect(await send(`${running.url}/operations/nothing`, {})).toEqual({ status: 404, code: "NOT_FOUND" });
});
