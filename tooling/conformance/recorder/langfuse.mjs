// What an application does with Langfuse's SDK, whatever its version.
import { langChain, openAi } from "./clients.mjs";
import { scenariosOf } from "./scenario.mjs";
import { startTracing } from "./tracing.mjs";

const session = { sessionId: "session-7", userId: "user-3" };

/** @param {{ require: NodeRequire, withSession: (session: object, use: () => Promise<unknown>) => Promise<unknown>, langChain: boolean }} version */
export function langfuseScenarios({ require, withSession, langChain: hasLangChain }) {
  const start = (context) =>
    startTracing(context, {
      processors: () => {
        const { LangfuseSpanProcessor } = require("@langfuse/otel");
        return [
          new LangfuseSpanProcessor({
            publicKey: "none",
            secretKey: "none",
            baseUrl: context.otlpUrl,
            mediaUploadEnabled: false,
          }),
        ];
      },
    });
  const observed = (client) => require("@langfuse/openai").observeOpenAI(client);
  const tracing = require("@langfuse/tracing");

  /** A request as an application traces it. */
  const traced = (use) => (context) =>
    tracing.startActiveObservation("answer", (root) =>
      withSession(session, async () => {
        const answer = await use(context);
        root.update({ input: context.question, output: answer });
      }),
    );

  return scenariosOf(
    { sdk: "@langfuse/tracing", require, start },
    {
      openAiChat: {
        title: "OpenAI chat in an own observation, in a session, cached input",
        script: "cached",
        with: ["@langfuse/openai", "@langfuse/otel", "openai"],
        truth: session,
        use: traced(async (context) => (await openAi.chat(context, observed)).choices[0].message.content),
      },
      openAiStreaming: {
        title: "OpenAI chat, streamed",
        script: "plain",
        sdk: "@langfuse/openai",
        with: ["openai"],
        use: (context) => openAi.chatStream(context, observed),
      },
      openAiReasoning: {
        title: "OpenAI responses, streamed, reasoning tokens",
        script: "reasoning",
        sdk: "@langfuse/openai",
        with: ["openai"],
        use: (context) => openAi.responsesStream(context, observed),
      },
      openAiTools: {
        title: "OpenAI chats with a tool in an agent's observation",
        script: "tools",
        with: ["@langfuse/openai", "openai"],
        truth: session,
        use: traced((context) => openAi.chatTools(context, observed)),
      },
      openAiError: {
        title: "OpenAI chat, the endpoint fails",
        script: "error",
        sdk: "@langfuse/openai",
        with: ["openai"],
        use: (context) => openAi.chat(context, observed),
      },
      generation: {
        title: "A generation with its own usage, cost and first token",
        script: "cached",
        truth: { ...session, cost: "0.0042" },
        use: traced(async (context) => {
          const generation = tracing.startObservation(
            "chat",
            { model: "gpt-4o-mini", input: [{ role: "user", content: context.question }] },
            { asType: "generation" },
          );
          const stream = await openAi.client(context).chat.completions.create({
            model: "gpt-4o-mini",
            messages: [{ role: "user", content: context.question }],
            stream: true,
            stream_options: { include_usage: true },
          });
          let text = "";
          for await (const chunk of stream) {
            const piece = chunk.choices[0]?.delta.content ?? "";
            if (piece !== "" && text === "") generation.update({ completionStartTime: new Date() });
            text += piece;
            if (chunk.usage != null) {
              const cached = chunk.usage.prompt_tokens_details.cached_tokens;
              generation.update({
                model: chunk.model,
                usageDetails: {
                  input: chunk.usage.prompt_tokens - cached,
                  input_cached_tokens: cached,
                  output: chunk.usage.completion_tokens,
                },
                costDetails: { input: 0.003, output: 0.0012 },
              });
            }
          }
          generation.update({ output: { role: "assistant", content: text } }).end();
          return text;
        }),
      },
      ...(hasLangChain
        ? {
            langChainAgent: {
              title: "LangChain agent with a tool",
              script: "tools",
              kinds: ["tool"],
              sdk: "@langfuse/langchain",
              with: ["langchain", "@langchain/core"],
              truth: session,
              use: (context) => {
                const { CallbackHandler } = require("@langfuse/langchain");
                return langChain.agent(context, { callbacks: [new CallbackHandler(session)] });
              },
            },
            langChainStreaming: {
              title: "LangChain model, streamed, cached input",
              script: "cached",
              sdk: "@langfuse/langchain",
              with: ["@langchain/core"],
              use: (context) => {
                const { CallbackHandler } = require("@langfuse/langchain");
                return langChain.stream(context, { callbacks: [new CallbackHandler()] });
              },
            },
          }
        : {}),
    },
  );
}
