import { ATTR_GEN_AI_OPERATION_NAME } from "@opentelemetry/semantic-conventions/incubating";
import type { Convention, RuleCondition } from "./convention.js";

const ofChat: RuleCondition = { key: ATTR_GEN_AI_OPERATION_NAME, value: "chat" };

/** Pipecat's voice pipelines: a conversation, its turns, and in each what speech, model and voice did. */
export const pipecat: Convention = {
  name: "pipecat",
  input: [
    { id: "pipecat.input", source: { from: "attribute", key: "input", shape: "json" }, when: ofChat },
    {
      // What was heard. Where a model was asked, its input says it as well, with what came before.
      id: "pipecat.transcript",
      source: { from: "attribute", key: "transcript", shape: "text" },
      weak: true,
    },
  ],
  output: [
    { id: "pipecat.output", source: { from: "attribute", key: "output", shape: "json" }, when: ofChat },
  ],
  // Speech and voice have a time to the first byte, too.
  firstToken: [
    {
      id: "pipecat.time-to-first-byte",
      from: "attribute",
      key: "metrics.ttfb",
      units: ["s"],
      when: ofChat,
    },
  ],
  sessions: [{ id: "pipecat.conversation", key: "conversation.id", rank: 4 }],
};
