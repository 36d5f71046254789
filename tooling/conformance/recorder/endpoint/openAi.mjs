// Chat completions, responses, embeddings. OpenAI's counts: cached tokens are in the prompt's, reasoning in the
// completion's; there is no count of cache writes.
import { pieces, sse, sseHeaders } from "./pieces.mjs";

const created = 1_760_000_000;

export const openAi = {
  match(path, body) {
    const base = {
      model: body.model,
      error: (status, message) => ({
        error: {
          message,
          type: status === 429 ? "rate_limit_error" : "server_error",
          code: null,
          param: null,
        },
      }),
    };
    if (path.endsWith("/chat/completions")) {
      return {
        ...base,
        api: "openai.chat",
        streamed: body.stream === true,
        respond: respondChat,
        stream: streamChat,
      };
    }
    if (path.endsWith("/responses")) {
      return {
        ...base,
        api: "openai.responses",
        streamed: body.stream === true,
        respond: respondResponses,
        stream: streamResponses,
      };
    }
    if (path.endsWith("/embeddings")) {
      return { ...base, api: "openai.embeddings", streamed: false, respond: respondEmbeddings };
    }
    return undefined;
  },
};

function chatUsage({ input, output, cacheRead = 0, reasoning = 0 }) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cacheRead, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

const toolCall = (said, tool, index) => ({
  id: `call_${said.number}_${index}`,
  type: "function",
  function: { name: tool.name, arguments: JSON.stringify(tool.arguments) },
});

function respondChat(said) {
  const tools = (said.toolCalls ?? []).map((tool, index) => toolCall(said, tool, index));
  return {
    payload: {
      id: `chatcmpl-${said.number}`,
      object: "chat.completion",
      created,
      model: said.model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: said.text ?? null,
            refusal: null,
            ...(tools.length > 0 ? { tool_calls: tools } : {}),
          },
          logprobs: null,
          finish_reason: tools.length > 0 ? "tool_calls" : "stop",
        },
      ],
      usage: chatUsage(said.usage),
      service_tier: "default",
      system_fingerprint: "fp_local",
    },
  };
}

function streamChat(said) {
  const chunk = (delta, finish = null, more = {}) =>
    sse({
      id: `chatcmpl-${said.number}`,
      object: "chat.completion.chunk",
      created,
      model: said.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...more,
    });
  const tools = said.toolCalls ?? [];
  // Only who asks for it is told the usage, in a chunk of its own.
  const usage = said.request.stream_options?.include_usage
    ? [
        sse({
          id: `chatcmpl-${said.number}`,
          object: "chat.completion.chunk",
          created,
          model: said.model,
          choices: [],
          usage: chatUsage(said.usage),
        }),
      ]
    : [];
  return {
    headers: sseHeaders,
    before: [chunk({ role: "assistant", content: tools.length > 0 ? null : "" })],
    pieces: [
      ...pieces(said.text ?? "").map((content) => chunk({ content })),
      ...tools.map((tool, index) => chunk({ tool_calls: [{ index, ...toolCall(said, tool, index) }] })),
    ],
    after: [chunk({}, tools.length > 0 ? "tool_calls" : "stop"), ...usage, sse("[DONE]")],
  };
}

function responsesUsage({ input, output, cacheRead = 0, reasoning = 0 }) {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cacheRead },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

function responseOf(said, output, status = "completed") {
  return {
    id: `resp_${said.number}`,
    object: "response",
    created_at: created,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: said.request.instructions ?? null,
    model: said.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: said.request.tools ?? [],
    top_p: 1,
    truncation: "disabled",
    usage: status === "completed" ? responsesUsage(said.usage) : null,
    user: null,
    metadata: {},
  };
}

function outputItems(said) {
  const items = [];
  if (said.thought !== undefined) {
    items.push({
      type: "reasoning",
      id: `rs_${said.number}`,
      summary: [{ type: "summary_text", text: said.thought }],
    });
  }
  if (said.text !== undefined) {
    items.push({
      type: "message",
      id: `msg_${said.number}`,
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text: said.text, annotations: [], logprobs: [] }],
    });
  }
  for (const [index, tool] of (said.toolCalls ?? []).entries()) {
    items.push({
      type: "function_call",
      id: `fc_${said.number}_${index}`,
      call_id: `call_${said.number}_${index}`,
      name: tool.name,
      arguments: JSON.stringify(tool.arguments),
      status: "completed",
    });
  }
  return items;
}

function respondResponses(said) {
  return { payload: responseOf(said, outputItems(said)) };
}

function streamResponses(said) {
  let sequence = 0;
  const event = (type, data) => sse({ type, sequence_number: sequence++, ...data }, type);
  const items = outputItems(said);
  const before = [
    event("response.created", { response: responseOf(said, [], "in_progress") }),
    event("response.in_progress", { response: responseOf(said, [], "in_progress") }),
  ];
  const middle = [];
  const after = [];
  for (const [output_index, item] of items.entries()) {
    if (item.type === "message") {
      before.push(
        event("response.output_item.added", {
          output_index,
          item: { ...item, status: "in_progress", content: [] },
        }),
      );
      before.push(
        event("response.content_part.added", {
          item_id: item.id,
          output_index,
          content_index: 0,
          part: { type: "output_text", text: "", annotations: [], logprobs: [] },
        }),
      );
      for (const delta of pieces(said.text))
        middle.push(
          event("response.output_text.delta", {
            item_id: item.id,
            output_index,
            content_index: 0,
            delta,
            logprobs: [],
          }),
        );
      after.push(
        event("response.output_text.done", {
          item_id: item.id,
          output_index,
          content_index: 0,
          text: said.text,
          logprobs: [],
        }),
      );
      after.push(
        event("response.content_part.done", {
          item_id: item.id,
          output_index,
          content_index: 0,
          part: item.content[0],
        }),
      );
      after.push(event("response.output_item.done", { output_index, item }));
    } else if (item.type === "function_call") {
      middle.push(
        event("response.output_item.added", {
          output_index,
          item: { ...item, arguments: "", status: "in_progress" },
        }),
      );
      middle.push(
        event("response.function_call_arguments.delta", {
          item_id: item.id,
          output_index,
          delta: item.arguments,
        }),
      );
      after.push(
        event("response.function_call_arguments.done", {
          item_id: item.id,
          output_index,
          name: item.name,
          arguments: item.arguments,
        }),
      );
      after.push(event("response.output_item.done", { output_index, item }));
    } else {
      before.push(event("response.output_item.added", { output_index, item: { ...item, summary: [] } }));
      before.push(event("response.output_item.done", { output_index, item }));
    }
  }
  after.push(event("response.completed", { response: responseOf(said, items) }));
  return { headers: sseHeaders, before, pieces: middle, after };
}

function respondEmbeddings(said) {
  const vector = Array.from({ length: 8 }, (_, index) => (index + 1) / 16);
  const embedding =
    said.request.encoding_format === "base64"
      ? Buffer.from(new Float32Array(vector).buffer).toString("base64")
      : vector;
  const inputs = Array.isArray(said.request.input) ? said.request.input : [said.request.input];
  return {
    payload: {
      object: "list",
      data: inputs.map((_, index) => ({ object: "embedding", index, embedding })),
      model: said.model,
      usage: { prompt_tokens: said.usage.input, total_tokens: said.usage.input },
    },
  };
}
