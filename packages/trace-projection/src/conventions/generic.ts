import {
  ATTR_DB_SYSTEM,
  ATTR_DB_SYSTEM_NAME,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_HTTP_REQUEST_METHOD,
} from "@opentelemetry/semantic-conventions/incubating";
import type { Convention, RuleCondition } from "./convention.js";

const unnamed: RuleCondition = { key: ATTR_GEN_AI_OPERATION_NAME, is: "absent" };

/** What holds for every trace, whether a model is in it or not. Its values give way to those of any other convention. */
export const generic: Convention = {
  name: "generic",
  kinds: [
    // An operation that no convention knows is no call of a model because it names one.
    { id: "generic.tool", key: ATTR_GEN_AI_TOOL_NAME, present: "tool", when: unnamed },
    { id: "generic.model", key: ATTR_GEN_AI_REQUEST_MODEL, present: "llm", when: unnamed },
    { id: "generic.response-model", key: ATTR_GEN_AI_RESPONSE_MODEL, present: "llm", when: unnamed },
    { id: "generic.db", key: ATTR_DB_SYSTEM_NAME, present: "database" },
    { id: "generic.db-system", key: ATTR_DB_SYSTEM, present: "database" },
  ],
  input: [
    {
      id: "generic.input",
      source: { from: "attribute", key: "input", shape: "json" },
      weak: true,
      topOnly: true,
    },
    {
      id: "generic.http-target",
      source: { from: "http", key: ATTR_HTTP_REQUEST_METHOD },
      weak: true,
      topOnly: true,
    },
  ],
  output: [
    {
      id: "generic.output",
      source: { from: "attribute", key: "output", shape: "json" },
      weak: true,
      topOnly: true,
    },
  ],
  firstToken: [
    { id: "generic.first-token", from: "event", key: "first_token" },
    { id: "generic.llm-first-token", from: "event", key: "llm.first_token" },
  ],
  sessions: [
    { id: "generic.thread", key: "thread_id", rank: 7 },
    { id: "generic.session", key: "session_id", rank: 8 },
    { id: "generic.conversation", key: "conversation_id", rank: 9 },
  ],
  users: [{ id: "generic.user", key: "user_id" }],
};
