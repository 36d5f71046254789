import type { AggregateRef } from "@es/core";
import type { ProjectionRun, ProjectionRunContext } from "@es/processing";

/** One start of a run, as a {@link RunRecorder} saw it. */
export interface RecordedRun {
  readonly ref: AggregateRef;
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Unix milliseconds. */
  readonly startedAt: number;
}

type Behaviour = (ref: AggregateRef, context: ProjectionRunContext) => unknown;

/** An injective name for a ref that does not rely on `aggregateRefKey`, which the suite tests. */
export function nameOf(ref: AggregateRef): string {
  return JSON.stringify([ref.tenantId, ref.aggregateId]);
}

/** A run that keeps book: what started, what was active at the same time. What it does can be changed at any time. */
export class RunRecorder {
  readonly started: RecordedRun[] = [];
  readonly finished: AggregateRef[] = [];
  /** Most runs of one ref that were active together. */
  mostActiveOfOneRef = 0;
  /** Most runs that were active together. */
  mostActive = 0;
  readonly #activeByRef = new Map<string, number>();
  #active = 0;
  #behaviour: Behaviour;

  constructor(behaviour: Behaviour = () => undefined) {
    this.#behaviour = behaviour;
  }

  get active(): number {
    return this.#active;
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  startsOf(ref: AggregateRef): readonly RecordedRun[] {
    const name = nameOf(ref);
    return this.started.filter((run) => nameOf(run.ref) === name);
  }

  readonly run: ProjectionRun = async (ref, context) => {
    const name = nameOf(ref);
    const activeOfRef = (this.#activeByRef.get(name) ?? 0) + 1;
    this.#activeByRef.set(name, activeOfRef);
    this.#active++;
    this.mostActiveOfOneRef = Math.max(this.mostActiveOfOneRef, activeOfRef);
    this.mostActive = Math.max(this.mostActive, this.#active);
    this.started.push({ ref, attempt: context.attempt, signal: context.signal, startedAt: Date.now() });
    try {
      await this.#behaviour(ref, context);
      this.finished.push(ref);
    } finally {
      this.#active--;
      this.#activeByRef.set(name, activeOfRef - 1);
    }
  };
}

/** Holds runs until they are let go, one gate per active run. */
export class RunGate {
  readonly #held = new Map<string, { open: () => void; fail: (error: unknown) => void }[]>();

  readonly hold: Behaviour = (ref) =>
    new Promise<void>((open, fail) => {
      const name = nameOf(ref);
      const held = this.#held.get(name);
      if (held === undefined) this.#held.set(name, [{ open, fail }]);
      else held.push({ open, fail });
    });

  holds(ref: AggregateRef): boolean {
    return (this.#held.get(nameOf(ref))?.length ?? 0) > 0;
  }

  /** Ends one active run of the ref: with success, or with `error` where one is given. */
  release(ref: AggregateRef, error?: unknown): void {
    const gate = this.#held.get(nameOf(ref))?.shift();
    if (gate === undefined) throw new Error(`No run of ${nameOf(ref)} is held.`);
    if (error === undefined) gate.open();
    else gate.fail(error);
  }

  releaseAll(): void {
    for (const gates of this.#held.values()) for (const gate of gates.splice(0)) gate.open();
  }
}

/** Waits for a condition, generously: it decides what happened, never how fast. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
