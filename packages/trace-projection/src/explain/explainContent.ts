import type { ContentSide } from "../content/readContent.js";
import { asideKinds, type ContentCandidate, contentCandidates } from "../selection/contentCandidates.js";
import { type ExplainedTrace, type FoundValue, fieldOf, Losers } from "./explainField.js";
import type { FieldExplanation, LosingReason } from "./traceExplanation.js";

export function explainContent(of: ExplainedTrace, side: ContentSide): FieldExplanation {
  const losers = new Losers(of);
  const notTop: FoundValue[] = [];
  let notTopMore = 0;
  let winner: ContentCandidate | undefined;
  const refused = (candidate: ContentCandidate) => {
    if (notTop.length < of.candidates) notTop.push(foundIn(candidate));
    else notTopMore++;
  };
  for (const candidate of contentCandidates(side, of.trace, refused)) {
    if (winner === undefined) winner = candidate;
    else losers.add(foundIn(candidate), reasonOf(of, side, winner, candidate));
  }
  for (const found of notTop) losers.add(found, "not-top");
  const field = fieldOf(of, side, of.projection[side]?.text ?? null, {
    winner: winner === undefined ? undefined : foundIn(winner),
    losers,
  });
  return { ...field, moreLosers: field.moreLosers + notTopMore };
}

function foundIn({ span, rule, value }: ContentCandidate): FoundValue {
  return { span, key: rule.source.key, ruleId: rule.id, value: value.text };
}

function reasonOf(
  { trace, kinds }: ExplainedTrace,
  side: ContentSide,
  winner: ContentCandidate,
  loser: ContentCandidate,
): LosingReason {
  if (loser.rule.weak === true && winner.rule.weak !== true) return "weak";
  if (loser.span === winner.span) return "lower-precedence-rule";
  if (winner.span === trace.speaker?.span) return "not-root";
  const isAside = ({ span }: ContentCandidate) => asideKinds.has(kinds.get(span) ?? "internal");
  if (isAside(loser) && !isAside(winner)) return "aside-kind";
  return side === "input" ? "later-span" : "ended-earlier";
}
