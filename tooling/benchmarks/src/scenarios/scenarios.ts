import type { Scenario } from "../harness/scenario.js";
import { growth } from "./growth/growth.js";
import { ingest } from "./ingest/ingest.js";
import { project } from "./project/project.js";
import { replay } from "./replay/replay.js";
import { rules } from "./rules/rules.js";

/** In the order they run. */
export const scenarios: readonly Scenario[] = [ingest, project, growth, replay, rules];
