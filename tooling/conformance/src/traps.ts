/** Ways in which one use of a model is told of more than once, and the scenarios whose totals must be right all the same. */
export const traps: readonly { readonly trap: string; readonly fixtures: readonly string[] }[] = [
  {
    trap: "An agent's span sums up its calls",
    fixtures: ["traps/rollUp", "mastra/tools", "strands/openAiTools", "ai-6/streamingTools"],
  },
  { trap: "The span above comes last", fixtures: ["traps/parentLast"] },
  { trap: "The span above reports more than those below", fixtures: ["traps/parentReportsMore"] },
  { trap: "An SDK's call and the instrumented client below it", fixtures: ["traps/gatewayBelow"] },
  {
    trap: "Two SDKs, one inside the other or side by side",
    fixtures: [
      "two-at-once/langChainTwice",
      "two-at-once/langfuseAndTraceloop",
      "two-at-once/openInferenceAndTraceloop",
    ],
  },
  { trap: "Three side by side", fixtures: ["traps/threeSideBySide"] },
  { trap: "Whole trees side by side", fixtures: ["traps/treesSideBySide"] },
  { trap: "Two calls that are equal, and are two", fixtures: ["traps/sameTwice"] },
  { trap: "A model asked by a tool that runs below a call", fixtures: ["traps/agentBelowCall"] },
  { trap: "Cached tokens that are in the input", fixtures: ["ai-6/streamingCached", "google-adk/plain"] },
  { trap: "Cached tokens that come on top of the input", fixtures: ["ai-5/anthropicCached"] },
  { trap: "Reasoning that is in the output", fixtures: ["ai-6/reasoning"] },
  { trap: "Reasoning that comes on top of the output", fixtures: ["google-adk/reasoning"] },
  { trap: "Usage under two names on one span", fixtures: ["traps/usageTwiceOnOneSpan"] },
];
