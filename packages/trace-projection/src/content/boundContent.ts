import type { Cut, TraceContent } from "../traceProjection.js";
import { type ContentLimits, cutMessages, cutText } from "./contentLimits.js";
import { shortenBytes } from "./longValues.js";
import type { ContentSide, ReadValue } from "./readContent.js";

/** An input or output within the limits, and what that took. */
export interface BoundedContent {
  readonly content: TraceContent;
  /** By field, as in `flags.cuts`. */
  readonly cuts: readonly (readonly [field: string, cut: Cut])[];
}

export function boundContent(side: ContentSide, value: ReadValue, limits: ContentLimits): BoundedContent {
  const { textCharacters } = limits;
  const text = cutText(shortenBytes(value.text, textCharacters), textCharacters);
  const list =
    value.messages === undefined
      ? undefined
      : cutMessages(value.messages, side === "input" ? "end" : "start", limits);
  const total = value.messages?.length ?? 0;
  const shortened = list?.shortened;
  const cuts: [string, Cut][] = [];
  const noteCut = (field: string, kept: number, of: number) => {
    if (of > kept) cuts.push([field, { kept, total: of }]);
  };
  noteCut(`${side}.text`, text.length, value.text.length);
  noteCut(`nested.${side}`, 0, list?.tooDeep ?? value.tooDeep ?? 0);
  // Also where the only message is but a part.
  if (list?.dropped === true) cuts.push([`${side}.messages`, { kept: list.messages.length, total }]);
  if (shortened !== undefined) noteCut(`${side}.messages.values`, shortened.kept, shortened.total);
  const whole = text.length === value.text.length && list?.whole !== false;
  const content: TraceContent = {
    text,
    ...(value.mimeType === undefined ? {} : { mimeType: cutText(value.mimeType.toWellFormed(), 256) }),
    ...(list === undefined ? {} : { messages: list.messages }),
    ...(value.unparsed === true ? { unparsed: true as const } : {}),
    ...(whole
      ? {}
      : {
          cut: {
            keptCharacters: text.length,
            totalCharacters: value.text.length,
            ...(list === undefined ? {} : { keptMessages: list.messages.length, totalMessages: total }),
            ...(shortened === undefined ? {} : { shortenedValues: shortened.values }),
          },
        }),
  };
  return { content, cuts };
}
