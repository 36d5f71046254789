import type { AppName } from "../../engines/app.js";
import type { Place } from "../../engines/place.js";

/** A small request, or a few, that could cost an app much. Each row gets a fresh process and a database of its own. */
export interface HostileRow {
  /** Unique. What is sent, with its size. */
  readonly name: string;
  /** The app whose event loop and memory are watched. */
  readonly app: AppName;
  /** Settings of that app besides those of the place. */
  readonly environment?: Readonly<Record<string, string>>;
  /** V8's heap limit for that app, MB. @default Node's own */
  readonly heapMb?: number;
  /** The longest stop of the event loop that is allowed, ms. @default 250 */
  readonly maxStopMs?: number;
  /** How much its memory may grow, MB. Without it there is no target. */
  readonly maxGrowthMb?: number;
  /** Fills tables, starts other apps; not measured. The watched app runs already. */
  prepare?(target: HostileTarget): Promise<void>;
  /** Sends it, and resolves when everything was answered. */
  attack(target: HostileTarget): Promise<Answers>;
}

export interface HostileTarget {
  /** `http://host:port` of the watched app. */
  readonly url: string;
  readonly pid: number;
  readonly place: Place;
  /** Use small sizes: the run only shows that the row works. */
  readonly quick: boolean;
  /** Starts another app on the same place; it is stopped after the row. */
  start(app: AppName, environment?: Readonly<Record<string, string>>): Promise<{ readonly url: string }>;
}

/** How many requests ended how. */
export interface Answers {
  /** Answered with 2xx. */
  readonly taken: number;
  /** Answered with any other status. */
  readonly refused: number;
  /** Not answered: the connection broke. */
  readonly unanswered: number;
}

/** Counts statuses; `undefined` is a request without an answer. */
export function answersOf(statuses: readonly (number | undefined)[]): Answers {
  const count = (matches: (status: number | undefined) => boolean) => statuses.filter(matches).length;
  return {
    taken: count((status) => status !== undefined && status >= 200 && status < 300),
    refused: count((status) => status !== undefined && (status < 200 || status >= 300)),
    unanswered: count((status) => status === undefined),
  };
}
