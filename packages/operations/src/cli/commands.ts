import type { Command } from "./command.js";
import { deadLetterCommands } from "./commands/deadLetters.js";
import { generationCommands } from "./commands/generations.js";
import { queueCommands } from "./commands/queue.js";
import { reconcileCommands } from "./commands/reconcile.js";
import { replayCommands } from "./commands/replay.js";

/** In the order of the help. */
export const commands: readonly Command[] = [
  ...queueCommands,
  ...deadLetterCommands,
  ...reconcileCommands,
  ...replayCommands,
  ...generationCommands,
];
