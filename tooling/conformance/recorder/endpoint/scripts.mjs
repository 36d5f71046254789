// What the model says in each scenario, and what it costs. A script is the list of its turns, one for each request that
// is answered; `usage` is in normal classes: `input` and `output` are everything, the others parts of them.

/**
 * @typedef {{ input: number, output: number, cacheRead?: number, cacheWrite?: number, reasoning?: number }} Usage
 * @typedef {{ name: string, arguments: Record<string, unknown> }} ToolCall
 * @typedef {{ status?: number, text?: string, thought?: string, toolCalls?: ToolCall[], usage?: Usage }} Turn
 * @typedef {{ question: string, turns: Turn[], repeat?: boolean }} Script
 */

const question = "What is the capital of France?";
const answer = "The capital of France is Paris, on the river Seine.";
const weather = "What should I wear in Paris today?";

/** @type {Record<string, Script>} */
export const scripts = {
  plain: { question, turns: [{ text: answer, usage: { input: 14, output: 11 } }] },
  cached: {
    question,
    turns: [{ text: answer, usage: { input: 2048, cacheRead: 1536, cacheWrite: 256, output: 12 } }],
  },
  reasoning: {
    question,
    turns: [
      { thought: "France, so Paris.", text: answer, usage: { input: 25, output: 320, reasoning: 256 } },
    ],
  },
  tools: {
    question: weather,
    turns: [
      {
        toolCalls: [{ name: "get_weather", arguments: { city: "Paris" } }],
        usage: { input: 83, output: 17 },
      },
      {
        text: "It is 18 degrees and sunny in Paris: a light jacket will do.",
        usage: { input: 121, output: 19 },
      },
    ],
  },
  // As a coding agent works.
  shell: {
    question: "What does the thermometer say?",
    turns: [
      {
        toolCalls: [{ name: "Bash", arguments: { command: "echo 18 degrees", description: "Read it" } }],
        usage: { input: 2110, cacheRead: 1900, cacheWrite: 150, output: 41 },
      },
      { text: "It says 18 degrees.", usage: { input: 2200, cacheRead: 2050, cacheWrite: 90, output: 9 } },
    ],
  },
  // One agent hands a part of the work to another: 1 and 3 are the first one's turns, 2 is the second's.
  agents: {
    question: weather,
    turns: [
      {
        toolCalls: [
          {
            name: "ask_meteorologist",
            arguments: {
              question: "Weather in Paris?",
              message: "Weather in Paris?",
              prompt: "Weather in Paris?",
              request: "Weather in Paris?",
              input: "Weather in Paris?",
            },
          },
        ],
        usage: { input: 97, output: 21 },
      },
      { text: "18 degrees and sunny.", usage: { input: 45, output: 7 } },
      { text: "A light jacket will do: it is 18 degrees and sunny.", usage: { input: 139, output: 16 } },
    ],
  },
  turns: {
    question: "And of Italy?",
    turns: [{ text: "Rome, on the Tiber.", usage: { input: 52, output: 8 } }],
  },
  retry: {
    question,
    turns: [{ status: 429 }, { text: answer, usage: { input: 14, output: 11 } }],
  },
  error: { question, turns: [{ status: 500 }], repeat: true },
  object: {
    question,
    turns: [{ text: '{"city":"Paris"}', usage: { input: 61, output: 6 } }],
  },
  embedding: { question, turns: [{ usage: { input: 7, output: 0 } }] },
  // No model in it.
  none: { question: "", turns: [] },
  multimodal: {
    question: "What is in this picture?",
    turns: [{ text: "A single red pixel.", usage: { input: 1105, output: 6 } }],
  },
};

/** What the tools of the scenarios give. */
export const toolResult = "18 degrees, sunny";

/** Models answer under a dated name, as the real ones do. */
export const datedModels = {
  "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
  "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
  "o4-mini": "o4-mini-2025-04-16",
  "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
};
