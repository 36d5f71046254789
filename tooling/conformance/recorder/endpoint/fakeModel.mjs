// A model endpoint that speaks the wire formats of OpenAI, Anthropic, Bedrock and Gemini, plays a script and keeps the
// books: what it was asked, what it answered and when, and what it would put on the invoice.
import { createServer } from "node:http";
import { anthropic } from "./anthropic.mjs";
import { bedrock } from "./bedrock.mjs";
import { gemini } from "./gemini.mjs";
import { openAi } from "./openAi.mjs";
import { datedModels } from "./scripts.mjs";

const apis = [openAi, anthropic, bedrock, gemini];

/** Milliseconds before a streamed answer's first piece, and between pieces. */
const beforeFirst = 100;
const between = 60;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const nowNano = () => String(BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n);

/** @param {import("./scripts.mjs").Script} script */
export async function startFakeModel(script) {
  const calls = [];
  let next = 0;

  async function answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const body = bytes.length === 0 ? {} : JSON.parse(bytes.toString("utf8"));
    const path = new URL(request.url, "http://localhost").pathname;
    const found = apis.map((api) => api.match(path, body)).find((match) => match !== undefined);
    if (found === undefined) {
      calls.push({ unknown: `${request.method} ${request.url}` });
      response
        .writeHead(404, { "content-type": "application/json" })
        .end('{"error":{"message":"No such path."}}');
      return;
    }
    const { api, model, streamed, respond, stream, error } = found;
    const turn = script.turns[script.repeat ? Math.min(next, script.turns.length - 1) : next];
    next++;
    const call = {
      api,
      model,
      responseModel: datedModels[model] ?? model,
      streamed,
      status: turn?.status ?? 200,
    };
    calls.push(call);
    if (turn === undefined) {
      call.status = 400;
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify(error(400, "The script is over.")));
      return;
    }
    if (turn.status !== undefined) {
      const message = turn.status === 429 ? "Too many requests." : "The model is overloaded.";
      response.writeHead(turn.status, {
        "content-type": "application/json",
        "retry-after-ms": "20",
        "x-amzn-errortype": turn.status === 429 ? "ThrottlingException" : "InternalServerException",
      });
      response.end(JSON.stringify(error(turn.status, message)));
      return;
    }
    call.usage = turn.usage;
    call.text = turn.text ?? null;
    call.toolCalls = (turn.toolCalls ?? []).map((tool) => tool.name);
    const said = { ...turn, model: call.responseModel, number: next, request: body };
    if (!streamed) {
      const { headers, payload } = respond(said);
      await sleep(beforeFirst);
      response.writeHead(200, { "content-type": "application/json", ...headers });
      response.end(typeof payload === "string" ? payload : JSON.stringify(payload));
      return;
    }
    const { headers, before, pieces, after } = stream(said);
    response.writeHead(200, headers);
    // What comes before the first word is no token yet.
    for (const piece of before) response.write(piece);
    await sleep(beforeFirst);
    call.firstTokenAt = nowNano();
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await sleep(between);
      response.write(piece);
    }
    call.lastTokenAt = nowNano();
    await sleep(between);
    for (const piece of after) response.write(piece);
    response.end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      calls.push({ unknown: `${request.method} ${request.url}: ${error.message}` });
      response.destroy();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}
