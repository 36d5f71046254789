import { warningListener, wholeNumber } from "@es/core/adapter";
import type { GenerationSet } from "./projectionGeneration.js";
import type { ProjectionGenerations } from "./projectionGenerations.js";

export interface WatchGenerationsOptions {
  /** How old what is given may be, milliseconds: a change is seen that much later at the latest. @default 500 */
  readonly maxAgeMs?: number;
  /** A read failed, and what was known before is given instead. @default a warning of the process, each once a minute */
  readonly onError?: (error: unknown) => void;
}

/** The generations as they were a moment ago. */
export interface GenerationsView {
  /** Rejects only while they could never be read; later failures give what was known last. */
  current(): Promise<GenerationSet>;
}

/** Reads the generations again when what is known is too old; calls meanwhile share the read. */
export function watchGenerations(
  source: Pick<ProjectionGenerations, "read">,
  options: WatchGenerationsOptions = {},
): GenerationsView {
  const maxAgeMs = wholeNumber("maxAgeMs", options.maxAgeMs ?? 500, 0);
  const onError = options.onError ?? warningListener("watchGenerations");
  let known: { readonly set: GenerationSet; readonly asOf: number } | undefined;
  let reading: Promise<GenerationSet> | undefined;

  async function read(): Promise<GenerationSet> {
    // What is read is at least as new as the moment it was asked for.
    const asOf = performance.now();
    try {
      const set = await source.read();
      known = { set, asOf };
    } catch (error) {
      if (known === undefined) throw error;
      onError(error);
      // Not asked again at once by every call: a store that is down has enough to do.
      known = { set: known.set, asOf: performance.now() };
    } finally {
      reading = undefined;
    }
    return known.set;
  }

  return {
    current() {
      if (known !== undefined && performance.now() - known.asOf < maxAgeMs) return Promise.resolve(known.set);
      reading ??= read();
      return reading;
    },
  };
}
