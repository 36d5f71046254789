// Messages. Anthropic's counts: cached tokens are beside the input's, thinking is in the output's without a count of its own.
import { pieces, sse, sseHeaders } from "./pieces.mjs";

export const anthropic = {
  match(path, body) {
    if (!path.endsWith("/messages")) return undefined;
    return {
      api: "anthropic.messages",
      model: body.model,
      streamed: body.stream === true,
      respond,
      stream,
      error: anthropicError,
    };
  },
};

export function anthropicError(status, message) {
  return {
    type: "error",
    error: { type: status === 429 ? "rate_limit_error" : "api_error", message },
    request_id: "req_local",
  };
}

export function anthropicUsage({ input, output, cacheRead = 0, cacheWrite = 0 }) {
  return {
    input_tokens: input - cacheRead - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    output_tokens: output,
    service_tier: "standard",
  };
}

function contentOf(said) {
  const content = [];
  if (said.thought !== undefined)
    content.push({ type: "thinking", thinking: said.thought, signature: "c2lnbmF0dXJl" });
  if (said.text !== undefined) content.push({ type: "text", text: said.text });
  for (const [index, tool] of (said.toolCalls ?? []).entries()) {
    content.push({
      type: "tool_use",
      id: `toolu_${said.number}_${index}`,
      name: tool.name,
      input: tool.arguments,
    });
  }
  return content;
}

export function anthropicMessage(said) {
  return {
    id: `msg_${said.number}`,
    type: "message",
    role: "assistant",
    model: said.model,
    content: contentOf(said),
    stop_reason: said.toolCalls === undefined ? "end_turn" : "tool_use",
    stop_sequence: null,
    usage: anthropicUsage(said.usage),
  };
}

function respond(said) {
  return { headers: { "request-id": "req_local" }, payload: anthropicMessage(said) };
}

function stream(said) {
  const { before, pieces: middle, after } = anthropicEvents(said);
  const write = (event) => sse(event, event.type);
  return {
    headers: { ...sseHeaders, "request-id": "req_local" },
    before: before.map(write),
    pieces: middle.map(write),
    after: after.map(write),
  };
}

/** The events of a streamed message. */
export function anthropicEvents(said) {
  const message = anthropicMessage(said);
  const { output_tokens, ...inputUsage } = message.usage;
  const before = [
    {
      type: "message_start",
      message: { ...message, content: [], stop_reason: null, usage: { ...inputUsage, output_tokens: 1 } },
    },
  ];
  const middle = [];
  const after = [];
  for (const [index, block] of message.content.entries()) {
    // Blocks come one after the other: all of one before the first of the next.
    const into = block.type === "thinking" ? before : middle;
    const empty =
      block.type === "thinking"
        ? { ...block, thinking: "", signature: "" }
        : block.type === "text"
          ? { ...block, text: "" }
          : { ...block, input: {} };
    into.push({ type: "content_block_start", index, content_block: empty });
    if (block.type === "thinking") {
      into.push({
        type: "content_block_delta",
        index,
        delta: { type: "thinking_delta", thinking: block.thinking },
      });
      into.push({
        type: "content_block_delta",
        index,
        delta: { type: "signature_delta", signature: block.signature },
      });
    } else if (block.type === "text") {
      for (const text of pieces(block.text))
        into.push({ type: "content_block_delta", index, delta: { type: "text_delta", text } });
    } else {
      into.push({
        type: "content_block_delta",
        index,
        delta: { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
      });
    }
    into.push({ type: "content_block_stop", index });
  }
  after.push({
    type: "message_delta",
    delta: { stop_reason: message.stop_reason, stop_sequence: null },
    usage: { output_tokens },
  });
  after.push({ type: "message_stop" });
  return { before, pieces: middle, after };
}
