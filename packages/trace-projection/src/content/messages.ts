import { MAX_JSON_DEPTH } from "../attributes/abridged.js";
import type { Json } from "../traceProjection.js";
import { sanitizeJson } from "./contentLimits.js";

type JsonObject = { readonly [key: string]: Json };

export type MessageRole = "user" | "assistant" | "system" | "tool" | "other";

const roles: Readonly<Record<string, MessageRole>> = {
  user: "user",
  human: "user",
  humanmessage: "user",
  humanmessagechunk: "user",
  assistant: "assistant",
  ai: "assistant",
  aimessage: "assistant",
  aimessagechunk: "assistant",
  model: "assistant",
  bot: "assistant",
  system: "system",
  developer: "system",
  systemmessage: "system",
  tool: "tool",
  toolmessage: "tool",
  function: "tool",
  functionmessage: "tool",
};

/** Types of the parts of a message that are not what was said: thoughts, tools' doings, files. */
const silentPart = /reasoning|thinking|tool|function|image|audio|video|^(file|input_file|blob|uri)$/;

/** The message list a JSON value is, or holds under one of the names SDKs use; undefined if it is none. */
export function asMessages(value: Json): readonly Json[] | undefined {
  if (Array.isArray(value)) return messageList(value);
  if (!isObject(value)) return undefined;
  if (isTurn(value)) return [value];
  const choices = choicesIn(value);
  if (choices !== undefined) return choices;
  for (const key of ["messages", "contents", "input"]) {
    const list = value[key];
    if (Array.isArray(list)) {
      const messages = messageList(list);
      if (messages === undefined) continue;
      const system = value.system ?? value.systemInstruction;
      return system === undefined || system === null ? messages : [systemMessage(system), ...messages];
    }
  }
  // Traceloop's callbacks wrap what went into and came out of a LangChain or LangGraph run.
  for (const key of ["inputs", "outputs"]) {
    const inner = value[key];
    if (isObject(inner) && Array.isArray(inner.messages)) return messageList(inner.messages);
  }
  return undefined;
}

/** One message: somebody's we know, that says something. */
function isTurn(value: JsonObject): boolean {
  const message = isObject(value.message) ? value.message : value;
  return (
    typeof message.role === "string" &&
    roleNamed(message.role) !== undefined &&
    (message.content !== undefined || message.parts !== undefined || message.tool_calls !== undefined)
  );
}

/** The answers in a response of OpenAI's chat completions or Gemini's. */
function choicesIn({ choices, candidates, content }: JsonObject): readonly Json[] | undefined {
  // Google's kit keeps the content of the one candidate.
  if (isObject(content) && typeof content.role === "string") return [content];
  const list = Array.isArray(choices)
    ? choices.map((choice: Json) => (isObject(choice) ? choice.message : undefined))
    : Array.isArray(candidates)
      ? candidates.map((candidate: Json) => (isObject(candidate) ? candidate.content : undefined))
      : [];
  const messages = list.filter((message) => message !== undefined) as readonly Json[];
  return messages.length > 0 && messages.every(isMessage) ? messages : undefined;
}

/** System instructions as a message; the AI SDK takes them as one, too. */
export function systemMessage(system: Json): Json {
  return isObject(system) && system.role === "system" ? system : { role: "system", content: system };
}

/** LangChain batches its message lists: a list of lists is one list here. */
function messageList(value: readonly Json[]): readonly Json[] | undefined {
  const flat = value.flatMap((item) => (Array.isArray(item) && !isPair(item) ? (item as Json[]) : [item]));
  const areMessages = flat.some(isMessage) && flat.every((item) => isMessage(item) || isResponseItem(item));
  return areMessages ? flat : undefined;
}

/** What stands beside messages in the lists of OpenAI's responses: thoughts, calls of tools and what they gave. */
function isResponseItem(value: Json): boolean {
  return isObject(value) && typeof value.type === "string" && /^reasoning$|_call(_output)?$/.test(value.type);
}

function isMessage(value: Json): boolean {
  if (Array.isArray(value)) return isPair(value);
  if (!isObject(value)) return false;
  if (typeof value.role === "string") return true;
  if (isObject(value.message) && typeof value.message.role === "string") return true;
  // LangChain's. A type alone is not enough: a tool call is of type "function".
  return roleOfMessage(value) !== "other" && [value, value.kwargs, value.data].some(hasContent);
}

function hasContent(value: Json | undefined): boolean {
  return isObject(value) && value.content !== undefined;
}

/** `["user", "Hi"]` */
function isPair(value: readonly Json[]): boolean {
  return (
    value.length === 2 &&
    typeof value[0] === "string" &&
    typeof value[1] === "string" &&
    roleNamed(value[0]) !== undefined
  );
}

function roleNamed(name: string): MessageRole | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(roles, key) ? roles[key] : undefined;
}

export function roleOfMessage(message: Json): MessageRole {
  if (Array.isArray(message)) return roleNamed(String(message[0])) ?? "other";
  if (!isObject(message)) return "other";
  const kwargs = isObject(message.kwargs) ? message.kwargs : undefined;
  const inner = isObject(message.message) ? message.message : undefined;
  const id = Array.isArray(message.id) ? message.id.at(-1) : undefined;
  for (const candidate of [message.role, inner?.role, kwargs?.role, kwargs?.type, id, message.type]) {
    if (typeof candidate !== "string") continue;
    const role = roleNamed(candidate);
    if (role !== undefined) return role;
  }
  return "other";
}

/** What a message says, its text parts joined by line breaks; undefined if it says nothing in words. */
export function textOfMessage(message: Json): string | undefined {
  if (typeof message === "string") return message;
  if (Array.isArray(message)) return isPair(message) ? String(message[1]) : textOfParts(message, 0);
  if (!isObject(message)) return undefined;
  const kwargs = isObject(message.kwargs) ? message.kwargs : undefined;
  const inner = isObject(message.message) ? message.message : undefined;
  const data = isObject(message.data) ? message.data : undefined;
  for (const holder of [message, inner, kwargs, data]) {
    if (holder === undefined) continue;
    // OpenInference has a message of several parts under `contents`, and may have one of them under `content` too.
    for (const key of ["contents", "content", "parts", "text", "message"]) {
      const text = textOfContent(openParts(holder[key]), 0);
      if (text !== undefined) return text;
    }
  }
  return undefined;
}

/** Content parts that were put into an attribute as JSON, as OpenLLMetry does with them. */
function openParts(value: Json | undefined): Json | undefined {
  if (typeof value !== "string" || !/^\s*\[\s*\{\s*"/.test(value)) return value;
  try {
    const parts: unknown = JSON.parse(value);
    const isParts =
      Array.isArray(parts) && parts.every((part) => isObject(part) && typeof part.type === "string");
    return isParts ? sanitizeJson(parts) : value;
  } catch {
    return value;
  }
}

function textOfContent(value: Json | undefined, depth: number): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return textOfParts(value, depth);
  if (isObject(value)) return textOfPart(value, depth);
  return undefined;
}

function textOfParts(parts: readonly Json[], depth: number): string | undefined {
  if (depth > MAX_JSON_DEPTH) return undefined;
  const texts = parts
    .map((part) =>
      typeof part === "string" ? part : isObject(part) ? textOfPart(part, depth + 1) : undefined,
    )
    .filter((text) => text !== undefined);
  // No parts at all say nothing, but in words.
  return texts.length === 0 && parts.length > 0 ? undefined : texts.join("\n");
}

function textOfPart(part: JsonObject, depth: number): string | undefined {
  if (typeof part.type === "string" && silentPart.test(part.type)) return undefined;
  // Gemini's thoughts are text parts with a mark.
  if (part.thought === true) return undefined;
  // OpenInference wraps each part.
  if (isObject(part.message_content)) return textOfPart(part.message_content, depth + 1);
  if (depth > MAX_JSON_DEPTH) return undefined;
  return textOfContent(part.text ?? part.content ?? part.value, depth + 1);
}

/** The last thing the user said; without a user, the last thing anybody said. */
export function lastUserText(messages: readonly Json[]): string {
  return textBy(messages, "user", "last");
}

/**
 * What the assistant said: the `first` of several choices, or the `last` turn of a conversation, which is what a list is
 * that has other voices in it.
 */
export function assistantText(messages: readonly Json[], pick: "first" | "last"): string {
  const isConversation = messages.some((message) => !["assistant", "other"].includes(roleOfMessage(message)));
  return textBy(messages, "assistant", isConversation ? "last" : pick);
}

function textBy(messages: readonly Json[], role: MessageRole, pick: "first" | "last"): string {
  const inOrder = pick === "first" ? messages : messages.toReversed();
  const ofRole = inOrder.filter((message) => roleOfMessage(message) === role);
  for (const candidates of [ofRole, inOrder]) {
    const said = candidates.map(textOfMessage).filter((text) => text !== undefined);
    const text = said.find((candidate) => candidate !== "") ?? said[0];
    if (text !== undefined && (text !== "" || candidates.every((message) => !hasToolCalls(message)))) {
      return text;
    }
    // Nothing in words, as when a model only calls tools: the message itself says it.
    const silent = candidates[0];
    if (silent !== undefined) return JSON.stringify(silent);
  }
  return "";
}

function hasToolCalls(message: Json): boolean {
  if (!isObject(message)) return false;
  const holder = isObject(message.message) ? message.message : message;
  const parts: readonly Json[] = Array.isArray(holder.parts) ? holder.parts : [];
  return (
    Array.isArray(holder.tool_calls) ||
    Array.isArray(holder.toolCalls) ||
    parts.some((part) => !isObject(part) || part.type !== "text")
  );
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
