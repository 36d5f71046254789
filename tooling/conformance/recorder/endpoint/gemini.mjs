// generateContent of the Gemini API and of Vertex AI. Cached tokens are in the prompt's; thoughts are beside the candidates'.
import { pieces, sse, sseHeaders } from "./pieces.mjs";

export const gemini = {
  match(path) {
    const found = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/.exec(path);
    if (found === null) return undefined;
    const [, model, operation] = found;
    return {
      api: "gemini.generateContent",
      model,
      streamed: operation === "streamGenerateContent",
      respond,
      stream,
      error: (status, message) => ({
        error: { code: status, message, status: status === 429 ? "RESOURCE_EXHAUSTED" : "INTERNAL" },
      }),
    };
  },
};

function usageOf({ input, output, cacheRead = 0, reasoning = 0 }) {
  return {
    promptTokenCount: input,
    candidatesTokenCount: output - reasoning,
    totalTokenCount: input + output,
    ...(cacheRead > 0 ? { cachedContentTokenCount: cacheRead } : {}),
    ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
  };
}

function partsOf(said) {
  const parts = [];
  if (said.thought !== undefined) parts.push({ text: said.thought, thought: true });
  if (said.text !== undefined) parts.push({ text: said.text });
  for (const tool of said.toolCalls ?? [])
    parts.push({ functionCall: { name: tool.name, args: tool.arguments } });
  return parts;
}

const responseOf = (said, parts, more) => ({
  candidates: [
    { content: { role: "model", parts }, index: 0, ...(more === undefined ? {} : { finishReason: "STOP" }) },
  ],
  modelVersion: said.model,
  responseId: `response-${said.number}`,
  ...more,
});

function respond(said) {
  return { payload: responseOf(said, partsOf(said), { usageMetadata: usageOf(said.usage) }) };
}

function stream(said) {
  const parts = [
    ...(said.thought === undefined ? [] : [{ text: said.thought, thought: true }]),
    ...pieces(said.text ?? "").map((text) => ({ text })),
    ...(said.toolCalls ?? []).map((tool) => ({ functionCall: { name: tool.name, args: tool.arguments } })),
  ];
  return {
    headers: sseHeaders,
    before: [],
    pieces: parts.map((part, index) =>
      sse(
        responseOf(
          said,
          [part],
          index === parts.length - 1 ? { usageMetadata: usageOf(said.usage) } : undefined,
        ),
      ),
    ),
    after: [],
  };
}
