import type { OtlpSpan } from "@es/otlp";
import type { SpanKind } from "@es/trace-projection";

/**
 * What somebody who reads nothing but the names of the emitters and their spans would say each span does. The first row
 * that fits counts; a span that fits none is a fault of this table.
 */
const truth: readonly (readonly [emitters: RegExp, spanName: RegExp, kind: SpanKind, otlpKind?: number])[] = [
  [/./, /^(ai\.\w+\.do(Generate|Stream)|ChatOpenAI)$/, "llm"],
  [/./, /^ai\.\w+\.doEmbed$/, "embedding"],
  [/./, /^ai\.toolCall$/, "tool"],
  [/./, /^ai\.\w+$/, "chain"],
  [/./, /^embeddings /, "embedding"],
  [/./, /^(chat|generate_content)( |$)/, "llm"],
  [/./, /^(execute_tool |get_weather$)/, "tool"],
  [/./, /^invoke_agent /, "agent"],
  [/./, /^(workflow |step \d|agent_step )|\.workflow$/, "chain"],
  [/^otel\//, /^GET \/items\/:id$/, "server"],
  // A server that asks another one; only OpenTelemetry's kind tells its spans apart.
  [/^otel\/server/, /^GET$/, "server", 2],
  [/^(otel|openlit|traceloop|logfire|traps)\//, /^(GET|POST)$/, "client"],
  [/./, /^fetch POST /, "client"],
  [/^claude-code\//, /\.interaction$/, "agent"],
  [/^claude-code\//, /\.llm_request$/, "llm"],
  [/^claude-code\//, /\.tool$/, "tool"],
  [/^claude-code\//, /\.tool\.(blocked_on_user|execution)$/, "internal"],
  [/^genkit\//, /^acme\//, "llm"],
  [/^genkit\//, /^(answer|generate)$/, "chain"],
  [/^google-adk\//, /^call_llm$/, "llm"],
  [/^google-adk\//, /^invocation$/, "internal"],
  [/./, /^OpenAI\.(chat|responses)$/, "llm"],
  [/^langfuse/, /^(answer|LangGraph|RunnableLambda|__start__|model_request|tools)$/, "internal"],
  [/^two-at-once\/lang/, /^(LangGraph|RunnableLambda|__start__|model_request|tools)$/, "internal"],
  [/^langsmith\//, /^answer$/, "chain"],
  [/^langwatch\//, /^answer$/, "agent"],
  [/^langwatch\//, /^search$/, "retriever"],
  [/^langwatch\//, /^spelling$/, "tool"],
  [/^mastra\//, /^model_generation /, "chain"],
  [/^mastra\//, /^model_chunk /, "internal"],
  [
    /./,
    /^(Anthropic Messages|OpenAI (Chat Completions|Responses)|bedrock\.(converse|invoke_model|completion))$/,
    "llm",
  ],
  [/./, /^OpenAI Embeddings$/, "embedding"],
  [/^openinference\//, /^ChatPromptTemplate$/, "prompt"],
  [/^openinference\//, /^(LangGraph|Runnable\w+|StrOutputParser|__start__|model_request|tools)$/, "chain"],
  [/^otel\//, /^BedrockRuntime\.InvokeModel$/, "llm"],
  [/^strands\//, /^execute_agent_loop_cycle$/, "chain"],
  [/^voltagent\//, /^answerer$/, "agent"],
  [/^voltagent\//, /^llm:/, "llm"],
  [/^voltagent\//, /^memory\./, "internal"],
  [/^voltagent\//, /^tool\.execution:/, "tool"],
  [/^mlflow\//, /^answer$/, "chain"],
  // The applications' own spans.
  [/./, /^(answer( \{question\})?|request handler|POST \/api\/chat)$/, "internal"],
  // Written by hand.
  [/^pydanticAi\//, /^agent run$/, "agent"],
  [/^pydanticAi\//, /^running tool$/, "tool"],
  [/^codex\//, /^session_task\.turn$/, "agent"],
  [/^codex\//, /^completed$/, "llm"],
  [/^strandsPython\//, /^execute_event_loop_cycle$/, "chain"],
  [/^springAi\//, /^http post /, "client"],
  [/^springAi\//, /^spring_ai chat_client$/, "chain"],
  [/^mlflow\//, /^Completions$/, "llm"],
  [/^traceloopPython\//, /^anthropic\.chat$/, "llm"],
];

/** @param fixture its id */
export function expectedSpanKind(fixture: string, { name, kind }: OtlpSpan): SpanKind {
  const row = truth.find(
    ([emitters, spanName, , otlpKind = kind]) =>
      emitters.test(fixture) && spanName.test(name) && otlpKind === kind,
  );
  if (row === undefined) throw new Error(`src/spanKinds.ts does not say what "${name}" of ${fixture} does.`);
  return row[2];
}
