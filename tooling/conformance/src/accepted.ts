import type { Column } from "./compare.js";

/** A difference between a projection and the truth that is not the projection's to mend. */
export interface Accepted {
  /** The fixtures, by their ids. */
  readonly fixtures: RegExp;
  readonly columns: readonly Column[];
  /** What the projection says instead. @default anything */
  readonly got?: RegExp;
  readonly why: string;
}

/** Looked through in this order; the first that fits a difference explains it. Each has to explain one. */
export const accepted: readonly Accepted[] = [
  {
    fixtures: /\/(retry|openAiAndFetch)$/,
    columns: ["status"],
    why: "One attempt failed and has a span that says so, which makes the trace's status an error; `rootStatus` says how it ended.",
  },
  {
    fixtures: /^(elastic|otel)\/|^logfire\/openAi$|^openlit\/openAiError$/,
    columns: ["input", "output"],
    got: /^none$/,
    why: "The instrumentation puts what was said into log records, or nowhere, and not on spans.",
  },
  {
    fixtures: /^(openinference|traceloop)\/openAiError$/,
    columns: ["input", "models", "provider", "kinds"],
    why: "The instrumentation never ends the span of a call that fails, so it is not sent; only the application's own is there.",
  },
  {
    fixtures: /^google-adk\/error$/,
    columns: ["input", "models", "provider", "status", "kinds"],
    why: "The kit makes no span of a call that fails, and sets no status on those above it.",
  },
  {
    fixtures: /^langsmith\/openAiError$/,
    columns: ["status"],
    why: "The SDK gives a failed run the status OK beside its exception.",
  },
  {
    fixtures: /^claude-code\//,
    columns: ["output"],
    why: "The answer is in no span.",
  },
  {
    fixtures: /^google-adk\//,
    columns: ["session, user"],
    why: "The kit puts the session on its spans, but not the user.",
  },
  {
    fixtures: /^ai-7\/object$/,
    columns: ["session, user"],
    why: "`generateObject` takes no runtime context, which is where version 7 has session and user.",
  },
  {
    fixtures: /^(strands|voltagent|genkit|langfuse(-4)?|openinference|traceloop|two-at-once)\//,
    columns: ["models"],
    why: "The SDK names the model as it was asked for, or without its vendor or date, and never the one that answered.",
  },
  {
    fixtures: /^(strands(Python)?|voltagent|genkit|langfuse(-4)?|langwatch|openinference)\//,
    columns: ["provider"],
    got: /^none$/,
    why: "The SDK does not say whose model it is, or puts a name of its own in that place.",
  },
  {
    fixtures:
      /^two-at-once\/openInferenceAndTraceloopStreaming$|^openinference\/openAi(Streaming|Embedding)$|^traceloop\/bedrock(Converse|InvokeStreaming)$/,
    columns: ["tokens in", "tokens out", "cost"],
    why: "The instrumentation reports no tokens for such a call.",
  },
  {
    fixtures: /^traceloop\/bedrock(Converse|InvokeStreaming)$/,
    columns: ["input", "output"],
    got: /^none$/,
    why: "The instrumentation does not keep what was said in such a call.",
  },
  {
    fixtures: /^traceloop\/openAiStreaming$/,
    columns: ["tokens in", "cost"],
    why: "The instrumentation counts the words of a stream itself, and does not read the usage that comes with it.",
  },
  {
    fixtures: /^openlit\/anthropicStreaming$/,
    columns: ["tokens out"],
    why: "The instrumentation adds the token that a stream begins with to the sum it ends with.",
  },
  {
    fixtures: /^openlit\//,
    columns: ["cost"],
    why: "The SDK reports a cost, which stands; it bills cached input as any other, or leaves it out.",
  },
  {
    fixtures: /^(otel|traceloop|genkit|langwatch|openinference|openlit)\//,
    columns: ["tokens in", "tokens out", "cost"],
    why: "The SDK does not report how much was cached, or how much was reasoning.",
  },
  {
    fixtures: /^mastra\//,
    columns: ["first token"],
    why: "Mastra streams inside and says when the first piece came, also where the endpoint was asked for all at once.",
  },
  {
    fixtures: /^claude-code\//,
    columns: ["first token"],
    got: / early$/,
    why: "The latency is counted from when the request was sent, a moment after the span's start.",
  },
  {
    fixtures: /^openlit\//,
    columns: ["first token"],
    got: / early$/,
    why: "The latency is counted from when the stream was open.",
  },
  {
    fixtures: /^(ai-[45]|langfuse(-4)?|two-at-once\/langfuse\w+)\/|^two-at-once\/lang/,
    columns: ["first token"],
    got: / early$/,
    why: "The first piece counts that comes, which is the stream's header.",
  },
  {
    fixtures: /./,
    columns: ["first token"],
    got: /^none$/,
    why: "The SDK does not say when the first token came.",
  },
  {
    fixtures: /^codex\//,
    columns: ["input", "output"],
    got: /^none$/,
    why: "What was said is in log records.",
  },
  {
    fixtures: /^codex\//,
    columns: ["models", "provider", "cost"],
    got: /^none$/,
    why: "The spans of answers do not name the model; that of the turn does, under a key that may be anything's.",
  },
];
