// What an application does with the clients of model providers: the same whoever watches. Each takes the scenario's context
// and, where a watcher wraps clients, how.
import { toolResult } from "./endpoint/scripts.mjs";
import { drain } from "./scenario.mjs";

const same = (client) => client;

const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "get_weather", description: "The weather in a city" };

export const openAi = {
  client({ require, modelUrl }, wrap = same) {
    const { OpenAI } = require("openai");
    return wrap(new OpenAI({ baseURL: `${modelUrl}/v1`, apiKey: "none" }));
  },
  chat: (context, wrap, options = {}) =>
    openAi.client(context, wrap).chat.completions.create({
      model: "gpt-4o-mini",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: context.question },
      ],
      ...options,
    }),
  /** Gives the whole text. */
  chatStream: async (context, wrap, options = {}) => {
    const { content } = await streamedMessage(
      await openAi.client(context, wrap).chat.completions.create({
        model: "gpt-4o-mini",
        messages: [{ role: "user", content: context.question }],
        stream: true,
        stream_options: { include_usage: true },
        ...options,
      }),
    );
    return content;
  },
  chatReasoning: (context, wrap) => openAi.chat(context, wrap, { model: "o4-mini" }),
  chatPicture: (context, wrap) =>
    openAi.chat(context, wrap, {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: context.question },
            { type: "image_url", image_url: { url: pixel } },
          ],
        },
      ],
    }),
  chatConversation: (context, wrap) =>
    openAi.chat(context, wrap, {
      messages: [
        { role: "user", content: "What is the capital of France?" },
        { role: "assistant", content: "Paris." },
        { role: "user", content: context.question },
      ],
    }),
  async chatTools(context, wrap, { stream = false } = {}) {
    const client = openAi.client(context, wrap);
    const messages = [{ role: "user", content: context.question }];
    const tools = [{ type: "function", function: { ...weather, parameters: schema } }];
    for (;;) {
      const request = { model: "gpt-4o-mini", messages, tools };
      const message = stream
        ? await streamedMessage(
            await client.chat.completions.create({
              ...request,
              stream: true,
              stream_options: { include_usage: true },
            }),
          )
        : (await client.chat.completions.create(request)).choices[0].message;
      if (message.tool_calls === undefined) return message.content;
      messages.push(message);
      for (const call of message.tool_calls)
        messages.push({ role: "tool", tool_call_id: call.id, content: toolResult });
    }
  },
  responses: (context, wrap, options = {}) =>
    openAi.client(context, wrap).responses.create({
      model: "gpt-4o-mini",
      instructions: "Be brief.",
      input: context.question,
      ...options,
    }),
  responsesStream: async (context, wrap, options = {}) =>
    drain(
      await openAi
        .client(context, wrap)
        .responses.create({ model: "o4-mini", input: context.question, stream: true, ...options }),
    ),
  embedding: (context, wrap) =>
    openAi
      .client(context, wrap)
      .embeddings.create({ model: "text-embedding-3-small", input: context.question }),
};

async function streamedMessage(stream) {
  const message = { role: "assistant", content: "" };
  for await (const { choices } of stream) {
    const delta = choices[0]?.delta ?? {};
    message.content += delta.content ?? "";
    for (const { index, ...call } of delta.tool_calls ?? []) {
      message.tool_calls ??= [];
      message.tool_calls[index] = call;
    }
  }
  return message;
}

export const anthropic = {
  client({ require, modelUrl }, wrap = same) {
    const { Anthropic } = require("@anthropic-ai/sdk");
    return wrap(new Anthropic({ baseURL: modelUrl, apiKey: "none" }));
  },
  messages: (context, wrap, options = {}) =>
    anthropic.client(context, wrap).messages.create({
      model: "claude-sonnet-4-5",
      max_tokens: 1024,
      system: "Be brief.",
      messages: [{ role: "user", content: context.question }],
      ...options,
    }),
  messagesStream: async (context, wrap) => drain(await anthropic.messages(context, wrap, { stream: true })),
  async messagesTools(context, wrap) {
    const messages = [{ role: "user", content: context.question }];
    const tools = [{ ...weather, input_schema: schema }];
    for (;;) {
      const { content } = await anthropic.messages(context, wrap, { messages, tools });
      const calls = content.filter((block) => block.type === "tool_use");
      if (calls.length === 0) return;
      messages.push({ role: "assistant", content });
      messages.push({
        role: "user",
        content: calls.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: toolResult })),
      });
    }
  },
};

const claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";

export const bedrock = {
  client({ require, modelUrl }) {
    const { BedrockRuntimeClient } = require("@aws-sdk/client-bedrock-runtime");
    const { NodeHttpHandler } = httpHandlerOf(require);
    return new BedrockRuntimeClient({
      endpoint: modelUrl,
      region: "us-east-1",
      credentials: { accessKeyId: "none", secretAccessKey: "none" },
      // A real endpoint speaks HTTP/2, the fake one HTTP/1.
      requestHandler: new NodeHttpHandler(),
      retryStrategy: undefined,
    });
  },
  converse: (context) => {
    const { ConverseCommand } = context.require("@aws-sdk/client-bedrock-runtime");
    return bedrock.client(context).send(
      new ConverseCommand({
        modelId: "amazon.nova-lite-v1:0",
        system: [{ text: "Be brief." }],
        messages: [{ role: "user", content: [{ text: context.question }] }],
      }),
    );
  },
  converseStream: async (context) => {
    const { ConverseStreamCommand } = context.require("@aws-sdk/client-bedrock-runtime");
    const { stream } = await bedrock.client(context).send(
      new ConverseStreamCommand({
        modelId: "amazon.nova-lite-v1:0",
        messages: [{ role: "user", content: [{ text: context.question }] }],
      }),
    );
    await drain(stream);
  },
  invokeBody: ({ question }) =>
    JSON.stringify({
      anthropic_version: "bedrock-2023-05-31",
      max_tokens: 1024,
      system: "Be brief.",
      messages: [{ role: "user", content: [{ type: "text", text: question }] }],
    }),
  invoke: (context) => {
    const { InvokeModelCommand } = context.require("@aws-sdk/client-bedrock-runtime");
    return bedrock.client(context).send(
      new InvokeModelCommand({
        modelId: claude,
        contentType: "application/json",
        body: bedrock.invokeBody(context),
      }),
    );
  },
  invokeStream: async (context) => {
    const { InvokeModelWithResponseStreamCommand } = context.require("@aws-sdk/client-bedrock-runtime");
    const { body } = await bedrock.client(context).send(
      new InvokeModelWithResponseStreamCommand({
        modelId: claude,
        contentType: "application/json",
        body: bedrock.invokeBody(context),
      }),
    );
    await drain(body);
  },
};

/** As the client itself brings it. */
function httpHandlerOf(require) {
  return require(
    require.resolve("@smithy/node-http-handler", {
      paths: [require.resolve("@aws-sdk/client-bedrock-runtime")],
    }),
  );
}

export const langChain = {
  model: ({ require, modelUrl }, options = {}) => {
    const { ChatOpenAI } = require("@langchain/openai");
    return new ChatOpenAI({
      model: "gpt-4o-mini",
      apiKey: "none",
      configuration: { baseURL: `${modelUrl}/v1` },
      ...options,
    });
  },
  /** Prompt, model, parser. */
  chain: (context, config) => {
    const { ChatPromptTemplate } = context.require("@langchain/core/prompts");
    const { StringOutputParser } = context.require("@langchain/core/output_parsers");
    const prompt = ChatPromptTemplate.fromMessages([
      ["system", "Be brief."],
      ["human", "{question}"],
    ]);
    return prompt
      .pipe(langChain.model(context))
      .pipe(new StringOutputParser())
      .invoke({ question: context.question }, config);
  },
  stream: async (context, config) =>
    drain(
      await langChain.model(context, { streaming: true, streamUsage: true }).stream(context.question, config),
    ),
  agent: (context, config) => {
    const { createAgent } = context.require("langchain");
    const { tool } = context.require("@langchain/core/tools");
    const { z } = context.require("zod");
    const agent = createAgent({
      model: langChain.model(context),
      tools: [tool(async () => toolResult, { ...weather, schema: z.object({ city: z.string() }) })],
    });
    return agent.invoke({ messages: [{ role: "user", content: context.question }] }, config);
  },
};
