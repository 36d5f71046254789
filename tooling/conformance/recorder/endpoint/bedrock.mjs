// Bedrock's runtime: Converse and InvokeModel (of Anthropic's models), each also as an AWS event stream. Cached tokens are
// beside the input's; the total has them all.
import { EventStreamCodec } from "@smithy/eventstream-codec";
import { anthropicEvents, anthropicMessage } from "./anthropic.mjs";
import { pieces } from "./pieces.mjs";

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString("utf8"),
  (text) => Buffer.from(text, "utf8"),
);

export const bedrock = {
  match(path) {
    const found = /\/model\/([^/]+)\/(converse|converse-stream|invoke|invoke-with-response-stream)$/.exec(
      path,
    );
    if (found === null) return undefined;
    const [, model, operation] = found;
    const isConverse = operation.startsWith("converse");
    return {
      api: `bedrock.${isConverse ? "converse" : "invoke"}`,
      model: decodeURIComponent(model),
      streamed: operation.includes("stream"),
      respond: isConverse ? respondConverse : respondInvoke,
      stream: isConverse ? streamConverse : streamInvoke,
      error: (_status, message) => ({ message }),
    };
  },
};

function usageOf({ input, output, cacheRead = 0, cacheWrite = 0 }) {
  return {
    inputTokens: input - cacheRead - cacheWrite,
    outputTokens: output,
    totalTokens: input + output,
    ...(cacheRead + cacheWrite > 0
      ? { cacheReadInputTokens: cacheRead, cacheWriteInputTokens: cacheWrite }
      : {}),
  };
}

function contentOf(said) {
  const content = [];
  if (said.thought !== undefined)
    content.push({ reasoningContent: { reasoningText: { text: said.thought, signature: "c2ln" } } });
  if (said.text !== undefined) content.push({ text: said.text });
  for (const [index, tool] of (said.toolCalls ?? []).entries()) {
    content.push({
      toolUse: { toolUseId: `tooluse_${said.number}_${index}`, name: tool.name, input: tool.arguments },
    });
  }
  return content;
}

function respondConverse(said) {
  return {
    payload: {
      output: { message: { role: "assistant", content: contentOf(said) } },
      stopReason: said.toolCalls === undefined ? "end_turn" : "tool_use",
      usage: usageOf(said.usage),
      metrics: { latencyMs: 60 },
    },
  };
}

function frame(event, body) {
  const string = (value) => ({ type: "string", value });
  return Buffer.from(
    codec.encode({
      headers: {
        ":event-type": string(event),
        ":content-type": string("application/json"),
        ":message-type": string("event"),
      },
      body: Buffer.from(JSON.stringify(body)),
    }),
  );
}

const streamHeaders = { "content-type": "application/vnd.amazon.eventstream" };

function streamConverse(said) {
  const middle = [];
  for (const [contentBlockIndex, block] of contentOf(said).entries()) {
    if (block.reasoningContent !== undefined) {
      middle.push(
        frame("contentBlockDelta", {
          contentBlockIndex,
          delta: { reasoningContent: { text: said.thought } },
        }),
      );
    } else if (block.text !== undefined) {
      for (const text of pieces(block.text))
        middle.push(frame("contentBlockDelta", { contentBlockIndex, delta: { text } }));
    } else {
      const { toolUseId, name, input } = block.toolUse;
      middle.push(frame("contentBlockStart", { contentBlockIndex, start: { toolUse: { toolUseId, name } } }));
      middle.push(
        frame("contentBlockDelta", {
          contentBlockIndex,
          delta: { toolUse: { input: JSON.stringify(input) } },
        }),
      );
    }
    middle.push(frame("contentBlockStop", { contentBlockIndex }));
  }
  return {
    headers: streamHeaders,
    before: [frame("messageStart", { role: "assistant" })],
    pieces: middle,
    after: [
      frame("messageStop", { stopReason: said.toolCalls === undefined ? "end_turn" : "tool_use" }),
      frame("metadata", { usage: usageOf(said.usage), metrics: { latencyMs: 200 } }),
    ],
  };
}

const tokenHeaders = ({ input, output, cacheRead = 0, cacheWrite = 0 }) => ({
  "x-amzn-bedrock-input-token-count": String(input - cacheRead - cacheWrite),
  "x-amzn-bedrock-output-token-count": String(output),
  "x-amzn-bedrock-invocation-latency": "60",
});

function respondInvoke(said) {
  return { headers: tokenHeaders(said.usage), payload: anthropicMessage(said) };
}

function streamInvoke(said) {
  const { before, pieces: middle, after } = anthropicEvents(said);
  const write = (event) => frame("chunk", { bytes: Buffer.from(JSON.stringify(event)).toString("base64") });
  return {
    headers: streamHeaders,
    before: before.map(write),
    pieces: middle.map(write),
    after: after.map(write),
  };
}
