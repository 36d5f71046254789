import { agentOps } from "./agentOps.js";
import { arms } from "./arms.js";
import { braintrust } from "./braintrust.js";
import { claudeCode } from "./claudeCode.js";
import { codex } from "./codex.js";
import type { Convention } from "./convention.js";
import { copilot } from "./copilot.js";
import { geminiCli } from "./geminiCli.js";
import { generic } from "./generic.js";
import { genkit } from "./genkit.js";
import { googleAdk } from "./googleAdk.js";
import { haystack } from "./haystack.js";
import { laminar } from "./laminar.js";
import { langfuse } from "./langfuse.js";
import { langSmith } from "./langSmith.js";
import { langWatch } from "./langWatch.js";
import { liteLlm } from "./liteLlm.js";
import { liveKit } from "./liveKit.js";
import { logfire } from "./logfire.js";
import { mastra } from "./mastra.js";
import { mlflow } from "./mlflow.js";
import { openInference } from "./openInference.js";
import { openLlmetry } from "./openLlmetry.js";
import { openRouter } from "./openRouter.js";
import { otelGenAi } from "./otelGenAi.js";
import { pipecat } from "./pipecat.js";
import { sentry } from "./sentry.js";
import { springAi } from "./springAi.js";
import { strands } from "./strands.js";
import { vercelAiSdk } from "./vercelAiSdk.js";
import { voltAgent } from "./voltAgent.js";

/** Every convention, the more specific first: spans often carry the keys of two, and the first value counts. */
const conventions: readonly Convention[] = [
  vercelAiSdk,
  langfuse,
  langWatch,
  openInference,
  otelGenAi,
  openLlmetry,
  googleAdk,
  mastra,
  logfire,
  langSmith,
  genkit,
  mlflow,
  claudeCode,
  codex,
  geminiCli,
  strands,
  springAi,
  voltAgent,
  liteLlm,
  openRouter,
  liveKit,
  pipecat,
  agentOps,
  laminar,
  braintrust,
  sentry,
  haystack,
  copilot,
  arms,
  generic,
];

type Rules = { readonly [Field in Exclude<keyof Convention, "name">]-?: NonNullable<Convention[Field]> };

function all<Field extends keyof Rules>(field: Field): Rules[Field] {
  return conventions.flatMap((convention) => [...(convention[field] ?? [])]) as unknown as Rules[Field];
}

/** The rules of all conventions, field by field, in the order in which they are tried. */
export const rules: Rules = {
  kinds: all("kinds"),
  input: all("input"),
  output: all("output"),
  models: all("models"),
  providers: all("providers"),
  usage: all("usage"),
  cost: all("cost"),
  tiers: all("tiers"),
  firstToken: all("firstToken"),
  errors: all("errors"),
  sessions: all("sessions").toSorted((a, b) => a.rank - b.rank),
  users: all("users"),
  resourceSessions: all("resourceSessions"),
  resourceUsers: all("resourceUsers"),
  traceNames: all("traceNames"),
  tags: all("tags"),
  metadata: all("metadata"),
};

const conventionsByRule: ReadonlyMap<string, string> = new Map(
  conventions.flatMap(({ name, ...fields }) =>
    Object.values(fields)
      .flat()
      .map((rule) => [rule.id, name] as const),
  ),
);

/** The convention a rule belongs to; `null` for what holds whatever the convention, such as times and status. */
export function conventionOf(ruleId: string): string | null {
  return conventionsByRule.get(ruleId) ?? null;
}
