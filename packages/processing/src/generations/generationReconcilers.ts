import { milliseconds, warningListener } from "@es/core/adapter";
import type { Reconciler } from "../reconcile/reconciler.js";
import { liveGenerations } from "./projectionGeneration.js";
import type { GenerationsView } from "./watchGenerations.js";

export interface GenerationReconcilersOptions {
  readonly generations: GenerationsView;
  /** Those this process has handlers for. */
  readonly runnable: readonly number[];
  /**
   * Starts looking for what lags in a generation. Called when one becomes live, and again when it begins or ceases to
   * serve: its first look has to cover everything. That is how a generation is built, whatever ended in the middle of it.
   */
  readonly start: (generation: number, role: { readonly serving: boolean }) => Pick<Reconciler, "stop">;
  /** Between two looks at which generations are live, milliseconds. @default 1 000 */
  readonly intervalMs?: number;
  /** The generations could not be read; they stay as they are until they can. @default a warning of the process, each once a minute */
  readonly onError?: (error: unknown) => void;
}

/** Keeps one reconciler at work for each live generation. */
export function startGenerationReconcilers(options: GenerationReconcilersOptions): Pick<Reconciler, "stop"> {
  const { generations, runnable, start, onError = warningListener("startGenerationReconcilers") } = options;
  const intervalMs = milliseconds("intervalMs", options.intervalMs ?? 1_000, 1);
  const running = new Map<
    number,
    { readonly serving: boolean; readonly reconciler: Pick<Reconciler, "stop"> }
  >();
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    try {
      const set = await generations.current();
      if (stopped) return;
      const live = liveGenerations(set).filter((number) => runnable.includes(number));
      const ended: Promise<void>[] = [];
      for (const [number, { serving, reconciler }] of running) {
        if (live.includes(number) && serving === (number === set.serving)) continue;
        running.delete(number);
        ended.push(reconciler.stop());
      }
      for (const number of live) {
        if (running.has(number)) continue;
        const serving = number === set.serving;
        running.set(number, { serving, reconciler: start(number, { serving }) });
      }
      await Promise.all(ended);
    } catch (error) {
      onError(error);
    }
    if (!stopped) {
      timer = setTimeout(() => {
        current = look();
      }, intervalMs);
    }
  }

  let current = look();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const stopping = [...running.values()].map(({ reconciler }) => reconciler.stop());
      await Promise.all([current, ...stopping]);
    },
  };
}
