import type { Convention } from "./convention.js";

/** What GitHub Copilot's chat says beside OTel GenAI's attributes. */
export const copilot: Convention = {
  name: "copilot",
  input: [
    {
      id: "copilot.user-request",
      source: { from: "attribute", key: "copilot_chat.user_request", shape: "text" },
    },
  ],
  firstToken: [
    {
      id: "copilot.time-to-first-token",
      from: "attribute",
      key: "copilot_chat.time_to_first_token",
      units: ["ms"],
    },
  ],
  sessions: [
    { id: "copilot.chat-session", key: "copilot_chat.chat_session_id", rank: 4 },
    { id: "copilot.session", key: "copilot_chat.session_id", rank: 5 },
  ],
};
