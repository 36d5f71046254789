import type { Convention } from "./convention.js";

const agent = "gcp.vertex.agent";
const response = `${agent}.llm_response`;

/** What Google's Agent Development Kit adds to OTel GenAI: Gemini's requests and responses as they were, as JSON. */
export const googleAdk: Convention = {
  name: "google-adk",
  input: [
    {
      id: "google-adk.llm-request",
      source: { from: "attribute", key: `${agent}.llm_request`, shape: "encoded", unlessEmpty: true },
    },
    {
      id: "google-adk.tool-args",
      source: { from: "attribute", key: `${agent}.tool_call_args`, shape: "encoded" },
    },
  ],
  output: [
    {
      id: "google-adk.llm-response",
      source: { from: "attribute", key: response, shape: "encoded", unlessEmpty: true },
    },
    {
      id: "google-adk.tool-response",
      source: { from: "attribute", key: `${agent}.tool_response`, shape: "encoded" },
    },
  ],
  usage: [
    {
      id: "google-adk.total-tokens",
      key: response,
      class: "total",
      // The second name is of the kit for Python.
      members: ["usageMetadata.totalTokenCount", "usage_metadata.total_token_count"],
    },
    {
      id: "google-adk.cached-tokens",
      key: response,
      class: "cacheRead",
      members: ["usageMetadata.cachedContentTokenCount", "usage_metadata.cached_content_token_count"],
    },
    {
      id: "google-adk.thoughts-tokens",
      key: response,
      class: "reasoning",
      members: ["usageMetadata.thoughtsTokenCount", "usage_metadata.thoughts_token_count"],
    },
  ],
  sessions: [{ id: "google-adk.session", key: `${agent}.session_id`, rank: 4 }],
};
