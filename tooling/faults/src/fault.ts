import type { AppName, FaultSystem } from "./system.js";

/** What an app should say of itself while an engine is in a state. */
export interface Expected {
  /** Of `/readyz`. */
  readonly status: 200 | 503 | "either";
  /** In the body of `/readyz`: the state, by a name an operator understands. */
  readonly text: RegExp;
}

/** What all apps do that a fault does not concern. */
export const well: Expected = { status: 200, text: /"status":"ok"/ };

/** One row of the table: a state of an engine. */
export interface Fault {
  readonly name: string;
  readonly engine: "ClickHouse" | "Redis";
  /** What an operator did or what happened. */
  readonly description: string;
  /** Apps that are not named are well. */
  readonly expected: Readonly<Partial<Record<AppName, Expected>>>;
  /** What ingest answers meanwhile: 200 acknowledges, 503 leaves the spans with the client. */
  readonly ingest: 200 | 503;
  /** Whether projections are made in spite of it: then nothing has to recover. @default false */
  readonly works?: boolean;
  /** Why it cannot be had here, if so. */
  readonly impossible?: (system: FaultSystem) => string | null;
  /** Environment of apps that start while it lasts: for states that are a wrong setting. Then they are started anew. */
  readonly environment?: (system: FaultSystem) => Readonly<Record<string, string>>;
  /** How long an app may take to end; longer only where requests are under way that may still be answered. @default 5 000 */
  readonly endsWithinMs?: number;
  /** Apps start again only when it is over: they would mend it. */
  readonly startsAfter?: boolean;
  /** A row that is one of many alike is looked at for a shorter time, and its apps are not ended. */
  readonly brief?: boolean;
  /** In place of itself: rows that are known only once a system runs. */
  readonly each?: (system: FaultSystem) => Promise<readonly Fault[]>;
  readonly begin: (system: FaultSystem) => Promise<void>;
  readonly end: (system: FaultSystem) => Promise<void>;
}
