import { createServer } from "node:http";
import { createRequire } from "node:module";
import { bedrock, openAi } from "../../clients.mjs";
import { inOneTrace, scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

/** OpenTelemetry's own Node SDK, as `--import @opentelemetry/auto-instrumentations-node/register` sets it up. */
function watching(instrumentations) {
  return async ({ otlpUrl }) => {
    const { NodeSDK } = require("@opentelemetry/sdk-node");
    const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
    const sdk = new NodeSDK({
      serviceName: "shop",
      traceExporter: new OTLPTraceExporter({ url: `${otlpUrl}/v1/traces` }),
      instrumentations: instrumentations(),
      logRecordProcessors: [],
      metricReaders: [],
    });
    sdk.start();
    return () => sdk.shutdown();
  };
}

const openAiInstrumentation = () => {
  const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");
  return new OpenAIInstrumentation({ captureMessageContent: true });
};
const http = () => new (require("@opentelemetry/instrumentation-http").HttpInstrumentation)();
const undici = () => new (require("@opentelemetry/instrumentation-undici").UndiciInstrumentation)();
const express = () => new (require("@opentelemetry/instrumentation-express").ExpressInstrumentation)();

const ofOpenAi = scenariosOf(
  {
    sdk: "@opentelemetry/instrumentation-openai",
    with: ["openai"],
    require,
    start: watching(() => [openAiInstrumentation()]),
  },
  {
    openAiChat: { title: "OpenAI chat", script: "plain", use: (context) => openAi.chat(context) },
    openAiStreaming: {
      title: "OpenAI chat, streamed, cached input",
      script: "cached",
      use: (context) => openAi.chatStream(context),
    },
    openAiTools: {
      title: "OpenAI chats with a tool",
      script: "tools",
      use: inOneTrace((context) => openAi.chatTools(context)),
    },
    openAiEmbedding: {
      title: "OpenAI embeddings",
      script: "embedding",
      use: (context) => openAi.embedding(context),
    },
    openAiError: {
      title: "OpenAI chat, the endpoint fails",
      script: "error",
      use: (context) => openAi.chat(context),
    },
    openAiAndFetch: {
      title: "OpenAI and the HTTP client below it both instrumented, 429 and then an answer",
      script: "retry",
      with: ["openai", "@opentelemetry/instrumentation-undici"],
      start: watching(() => [openAiInstrumentation(), undici()]),
      use: (context) => openAi.chat(context),
    },
  },
);

const ofBedrock = scenariosOf(
  {
    sdk: "@opentelemetry/instrumentation-aws-sdk",
    with: ["@aws-sdk/client-bedrock-runtime"],
    require,
    start: watching(() => [new (require("@opentelemetry/instrumentation-aws-sdk").AwsInstrumentation)()]),
  },
  {
    bedrockConverse: {
      title: "Bedrock Converse",
      script: "plain",
      use: (context) => bedrock.converse(context),
    },
    bedrockConverseStreaming: {
      title: "Bedrock ConverseStream",
      script: "plain",
      use: (context) => bedrock.converseStream(context),
    },
    bedrockInvoke: {
      title: "Bedrock InvokeModel of Anthropic's",
      script: "plain",
      use: (context) => bedrock.invoke(context),
    },
  },
);

/** A shop's server and one that it asks; the trace that remains is the outer request's. */
async function visit() {
  const app = require("express")();
  const stock = createServer((_request, response) => response.end("3 left"));
  app.get("/items/:id", async (request, response) => {
    if (request.params.id === "broken") throw new Error("no such item");
    const answer = await fetch(`http://127.0.0.1:${stock.address().port}/stock?item=${request.params.id}`);
    response.send(await answer.text());
  });
  return { app, stock };
}

async function serve(path) {
  const { app, stock } = await visit();
  await new Promise((resolve) => stock.listen(0, "127.0.0.1", resolve));
  const shop = await new Promise((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => resolve(server));
  });
  // Asked from outside: a plain socket, which nobody watches.
  const { connect } = require("node:net");
  await new Promise((resolve) => {
    const socket = connect(shop.address().port, "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`);
    socket.on("data", () => {}).on("close", resolve);
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  shop.closeAllConnections();
  shop.close();
  stock.closeAllConnections();
  stock.close();
}

const ofHttp = scenariosOf(
  {
    sdk: "@opentelemetry/instrumentation-http",
    with: ["@opentelemetry/instrumentation-express", "@opentelemetry/instrumentation-undici", "express"],
    require,
    start: watching(() => [http(), express(), undici()]),
  },
  {
    server: {
      title: "An Express server that asks another",
      script: "none",
      truth: { input: "GET /items/7", output: null },
      use: () => serve("/items/7?from=home"),
    },
    serverError: {
      title: "An Express handler throws",
      script: "none",
      truth: { input: "GET /items/broken", output: null, failed: true },
      use: () => serve("/items/broken"),
    },
  },
);

const ofAuto = scenariosOf(
  {
    sdk: "@opentelemetry/auto-instrumentations-node",
    with: ["@opentelemetry/sdk-node", "openai"],
    require,
    start: watching(() => require("@opentelemetry/auto-instrumentations-node").getNodeAutoInstrumentations()),
  },
  {
    autoOpenAi: {
      title: "Everything instrumented, an OpenAI chat",
      script: "plain",
      use: (context) => openAi.chat(context),
    },
  },
);

export const scenarios = { ...ofOpenAi, ...ofBedrock, ...ofHttp, ...ofAuto };
