import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { scenariosOf } from "../../scenario.mjs";

const require = createRequire(import.meta.url);

/** The agent's own program, which its package brings for each platform. */
function program() {
  const own = createRequire(require.resolve("@anthropic-ai/claude-code/package.json"));
  const platform = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  return join(dirname(own.resolve(`${platform}/package.json`)), "claude");
}

/** Asked once, without a terminal, with nothing to talk to but the fake model. */
async function ask({ modelUrl, otlpUrl, question }, ...options) {
  const { stdout } = await promisify(execFile)(
    program(),
    ["-p", question, "--model", "claude-sonnet-4-5", ...options],
    {
      cwd: process.env.HOME,
      env: {
        HOME: process.env.HOME,
        PATH: process.env.PATH,
        ANTHROPIC_BASE_URL: modelUrl,
        ANTHROPIC_API_KEY: "none",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        CLAUDE_CODE_ENABLE_TELEMETRY: "1",
        CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: "1",
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
        OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
        OTEL_LOG_USER_PROMPTS: "1",
        OTEL_LOG_TOOL_CONTENT: "1",
        OTEL_LOG_TOOL_DETAILS: "1",
      },
      timeout: 60_000,
    },
  );
  console.log(stdout);
}

export const scenarios = scenariosOf(
  {
    sdk: "@anthropic-ai/claude-code",
    require,
    start: () => async () => {},
    truth: { sessionId: "any", userId: "any" },
    kinds: ["agent"],
  },
  {
    answer: {
      title: "A question asked once, cached input",
      script: "cached",
      use: (context) => ask(context),
    },
    shell: {
      title: "A question that takes a shell command",
      script: "shell",
      kinds: ["agent", "tool"],
      use: (context) => ask(context, "--allowedTools", "Bash"),
    },
  },
);
