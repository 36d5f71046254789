import type { EngineConnection } from "./engine.js";

/** A connection behind a request, with what that set on it. */
export interface KeptConnection {
  readonly connection: EngineConnection;
  /** Settings, and query parameters as `param_name`, with their values. */
  readonly inForce: Map<string, string>;
}

/** As many lie idle at most. */
const most = 16;

/**
 * Connections for the next requests of the same shape: of one database, setting and giving the same names. Such a request sets again what
 * has another value and finds nothing else of its predecessor; opening a connection and setting everything costs as much as a small query.
 */
export class KeptConnections {
  /** By shape, the longest untouched first. */
  readonly #idle = new Map<string, KeptConnection[]>();
  #size = 0;
  #generation = 0;

  /** @returns undefined when there is none of that shape */
  take(shape: string): KeptConnection | undefined {
    const idle = this.#idle.get(shape);
    const taken = idle?.pop();
    if (idle === undefined || taken === undefined) return undefined;
    this.#size -= 1;
    if (idle.length === 0) this.#idle.delete(shape);
    return taken;
  }

  /** What a connection opened now belongs to. */
  get generation(): number {
    return this.#generation;
  }

  /** Keeps it, or closes it when it was opened before the last {@link forget}. */
  give(shape: string, generation: number, kept: KeptConnection): void {
    if (generation !== this.#generation) {
      kept.connection.close();
      return;
    }
    const idle = this.#idle.get(shape) ?? [];
    idle.push(kept);
    this.#idle.delete(shape);
    this.#idle.set(shape, idle);
    this.#size += 1;
    if (this.#size > most) this.#closeOldest();
  }

  /** Closes all, those in use when they come back: what they stand on may have changed, such as the database they use. */
  forget(): void {
    this.#generation += 1;
    for (const idle of this.#idle.values()) for (const { connection } of idle) connection.close();
    this.#idle.clear();
    this.#size = 0;
  }

  #closeOldest(): void {
    for (const [shape, idle] of this.#idle) {
      idle.shift()?.connection.close();
      this.#size -= 1;
      if (idle.length === 0) this.#idle.delete(shape);
      return;
    }
  }
}
