import { readFileSync } from "node:fs";
import { isEventSourcingError } from "@es/core";
import { ConfigurationError, variable } from "@es/host";
import {
  createTraceProjectionHandlers,
  defaultContentLimits,
  type OwnModelPrices,
  type TraceProjectionOptions,
} from "@es/trace-projection";
import { z } from "zod";

/** How much of a trace its projection keeps, and what models cost: for every app that folds or explains spans. */
export const traceProjectionVariables = {
  /** A JSON file `{ "models": [...] }` of prices that come before those of the price table. Read at start. */
  PRICES_FILE: variable.text(""),
  /** Characters of the short form of input and output. */
  PROJECTION_TEXT_CHARACTERS: variable.count(defaultContentLimits.textCharacters),
  /** Characters of JSON of the message lists of input and output. */
  PROJECTION_MESSAGES_CHARACTERS: variable.count(defaultContentLimits.messagesCharacters),
  PROJECTION_MESSAGES: variable.count(defaultContentLimits.messages),
  PROJECTION_TAGS: variable.count(defaultContentLimits.tags),
  PROJECTION_METADATA_KEYS: variable.count(defaultContentLimits.metadataKeys),
  /** Characters of one metadata value, name, id, tag or error message. */
  PROJECTION_VALUE_CHARACTERS: variable.count(defaultContentLimits.valueCharacters),
  /** Distinct models, providers and services, each. */
  PROJECTION_DISTINCT: variable.count(defaultContentLimits.distinct),
};

const settings = z.object(traceProjectionVariables);

export type TraceProjectionConfig = z.output<typeof settings>;

/**
 * The limits and prices of an app's configuration.
 *
 * @throws ConfigurationError for a file of prices that cannot be read or is none
 */
export function readTraceProjectionOptions(config: TraceProjectionConfig): TraceProjectionOptions {
  const path = config.PRICES_FILE;
  const options = {
    limits: {
      textCharacters: config.PROJECTION_TEXT_CHARACTERS,
      messagesCharacters: config.PROJECTION_MESSAGES_CHARACTERS,
      messages: config.PROJECTION_MESSAGES,
      tags: config.PROJECTION_TAGS,
      metadataKeys: config.PROJECTION_METADATA_KEYS,
      valueCharacters: config.PROJECTION_VALUE_CHARACTERS,
      distinct: config.PROJECTION_DISTINCT,
    },
    prices: path === "" ? [] : readPrices(path),
  };
  try {
    createTraceProjectionHandlers(options);
  } catch (error) {
    if (!isEventSourcingError(error, "INVALID_OPTIONS")) throw error;
    throw new ConfigurationError(`The prices in PRICES_FILE ${path} are not valid: ${error.message}`, {
      cause: error,
    });
  }
  return options;
}

/** What it holds is checked by who takes it. */
function readPrices(path: string): readonly OwnModelPrices[] {
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError(`PRICES_FILE ${path} cannot be read: ${reason}`, { cause });
  }
  const members = typeof file === "object" && file !== null ? Object.keys(file) : [];
  if (members.length !== 1 || members[0] !== "models") {
    throw new ConfigurationError(`PRICES_FILE ${path} must hold one object with "models", a list of prices`);
  }
  return (file as { readonly models: readonly OwnModelPrices[] }).models;
}
