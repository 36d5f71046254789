import type { Convention } from "./convention.js";

/** What Strands Agents' traces say beside OTel GenAI's attributes. */
export const strands: Convention = {
  name: "strands",
  // The second is what the Python SDK says, as is the count of tokens.
  kinds: [
    { id: "strands.cycle", key: "agent_loop.cycle_id", present: "chain" },
    { id: "strands.event-loop-cycle", key: "event_loop.cycle_id", present: "chain" },
  ],
  usage: [
    {
      id: "strands.cache-write-tokens",
      key: "gen_ai.usage.cache_write_input_tokens",
      class: "cacheWrite",
      rawAnthropic: true,
    },
  ],
};
