import type { Scenario } from "../harness/scenario.js";
import { core } from "./core/core.js";
import { embedded } from "./embedded/embedded.js";
import { endToEnd } from "./endToEnd/endToEnd.js";
import { growth } from "./growth/growth.js";
import { hostile } from "./hostile/hostile.js";
import { ingest } from "./ingest/ingest.js";
import { memory } from "./memory/memory.js";
import { project } from "./project/project.js";
import { replay } from "./replay/replay.js";
import { rules } from "./rules/rules.js";

/** In the order they run. */
export const scenarios: readonly Scenario[] = [
  ingest,
  project,
  endToEnd,
  growth,
  replay,
  memory,
  embedded,
  core,
  rules,
  hostile,
];

/** Those of a run without `--only`, whose figures are on the page. */
export const defaultScenarios: readonly Scenario[] = scenarios.filter(
  ({ byNameOnly }) => byNameOnly !== true,
);
