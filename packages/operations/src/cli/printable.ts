/** What a terminal would act on instead of showing it; ids and messages of others may hold anything. */
const invisible = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;

/** Fit for a terminal, on one line: white space becomes one space, what cannot be seen becomes `�`. */
export function onOneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().replace(invisible, "�");
}
