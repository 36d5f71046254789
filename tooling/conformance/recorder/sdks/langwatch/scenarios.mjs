import { createRequire } from "node:module";
import { openAi } from "../../clients.mjs";
import { scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

const session = { sessionId: "session-7", userId: "user-3" };

async function start({ otlpUrl }) {
  const { setupObservability } = require("langwatch/observability/node");
  const { shutdown } = setupObservability({
    serviceName: "assistant",
    dataCapture: "all",
    langwatch: { apiKey: "none", endpoint: otlpUrl, processorType: "simple" },
  });
  return shutdown;
}

/** A request as an application traces it: whose it is, what was asked, the model's call, what was answered. */
function traced(call) {
  return (context) => {
    const { attributes, getLangWatchTracer } = require("langwatch/observability");
    const tracer = getLangWatchTracer("assistant");
    return tracer.withActiveSpan("answer", async (span) => {
      span.setType("agent");
      span.setInput(context.question);
      span.setAttribute(attributes.ATTR_LANGWATCH_THREAD_ID, session.sessionId);
      span.setAttribute(attributes.ATTR_LANGWATCH_USER_ID, session.userId);
      span.setAttribute(attributes.ATTR_LANGWATCH_TAGS, JSON.stringify(["conformance"]));
      span.setOutput(await call(context, tracer));
    });
  };
}

export const scenarios = scenariosOf(
  { sdk: "langwatch", require, start, truth: session },
  {
    llm: {
      title: "Own spans around an OpenAI chat",
      script: "cached",
      use: traced((context, tracer) =>
        tracer.withActiveSpan("chat", async (span) => {
          span.setType("llm");
          span.setRequestModel("gpt-4o-mini");
          span.setInput("chat_messages", [{ role: "user", content: context.question }]);
          const { choices, model, usage } = await openAi.chat(context);
          span.setResponseModel(model);
          span.setMetrics({
            promptTokens: usage.prompt_tokens,
            completionTokens: usage.completion_tokens,
          });
          span.setOutput("chat_messages", [choices[0].message]);
          return choices[0].message.content;
        }),
      ),
    },
    rag: {
      title: "Retrieval, a tool and an OpenAI chat in own spans",
      script: "plain",
      use: traced(async (context, tracer) => {
        await tracer.withActiveSpan("search", async (span) => {
          span.setType("rag");
          span.setInput(context.question);
          span.setRAGContexts([
            { document_id: "france", chunk_id: "1", content: "Paris is the capital of France." },
          ]);
        });
        await tracer.withActiveSpan("spelling", async (span) => {
          span.setType("tool");
          span.setInput("Paris");
          span.setOutput("correct");
        });
        return tracer.withActiveSpan("chat", async (span) => {
          span.setType("llm");
          span.setRequestModel("gpt-4o-mini");
          const { choices, model, usage } = await openAi.chat(context);
          span.setResponseModel(model);
          span.setMetrics({ promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens });
          span.setOutput("text", choices[0].message.content);
          return choices[0].message.content;
        });
      }),
    },
    error: {
      title: "Own spans around an OpenAI chat, the endpoint fails",
      script: "error",
      use: traced((context, tracer) =>
        tracer.withActiveSpan("chat", async (span) => {
          span.setType("llm");
          span.setRequestModel("gpt-4o-mini");
          return (await openAi.chat(context)).choices[0].message.content;
        }),
      ),
    },
  },
);
