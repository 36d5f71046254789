import { ClickHouseError } from "./clickHouseError.js";
import type { Engine, EngineConnection } from "./engine.js";
import { KeptConnections } from "./keptConnections.js";
import type { SessionRequest } from "./requestParameters.js";

/** What one request runs on: a connection that is its own while it lasts, or a session's. */
export interface Lease {
  readonly connection: EngineConnection;
  /** The connection is a named session's: what the request says for itself is undone behind it. */
  readonly isSession: boolean;
  /** A request of the same shape had it before: the database is in use, and `inForce` is set. */
  readonly isReused: boolean;
  /** What requests without a session set on the connection, by name; query parameters as `param_name`. */
  readonly inForce: Map<string, string>;
  /** Parameter names earlier requests of the session left behind: the engine cannot unset them. */
  readonly staleParameters: Set<string>;
  /** Gives it back, once. @param done the statement ended well */
  release(done: boolean): void;
}

interface Session {
  readonly connection: EngineConnection;
  readonly staleParameters: Set<string>;
  busy: boolean;
  expiry: NodeJS.Timeout | undefined;
}

/** Named sessions, each used by one request at a time, forgotten when idle for longer than its timeout. */
export class Sessions {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Session>();
  readonly #kept = new KeptConnections();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * @param shape of a request without a session, see `shapeOf`; undefined when its connection is for it alone
   * @throws {ClickHouseError} 372 no such session, 373 in use by another request
   */
  lease(request: SessionRequest | undefined, shape: string | undefined): Lease {
    if (request === undefined) return shape === undefined ? this.#alone() : this.#shaped(shape);
    const { id } = request;
    let session = this.#sessions.get(id);
    if (session === undefined) {
      if (request.mustExist) throw new ClickHouseError(372, "SESSION_NOT_FOUND", `Session ${id} not found`);
      session = {
        connection: this.#engine.connect(),
        staleParameters: new Set(),
        busy: false,
        expiry: undefined,
      };
      this.#sessions.set(id, session);
    }
    if (session.busy) {
      throw new ClickHouseError(373, "SESSION_IS_LOCKED", `Session ${id} is locked by a concurrent client`);
    }
    clearTimeout(session.expiry);
    session.busy = true;
    const held = session;
    return {
      connection: held.connection,
      isSession: true,
      isReused: false,
      inForce: new Map(),
      staleParameters: held.staleParameters,
      release: () => {
        held.busy = false;
        this.#kept.forget();
        held.expiry = setTimeout(() => this.#end(id, held), request.timeoutSeconds * 1000);
        held.expiry.unref();
      },
    };
  }

  /** For statements that may change what kept connections stand on. */
  #alone(): Lease {
    const connection = this.#engine.connect();
    return {
      connection,
      isSession: false,
      isReused: false,
      inForce: new Map(),
      staleParameters: new Set(),
      release: () => {
        connection.close();
        this.#kept.forget();
      },
    };
  }

  #shaped(shape: string): Lease {
    const { generation } = this.#kept;
    const kept = this.#kept.take(shape);
    const connection = kept?.connection ?? this.#engine.connect();
    const inForce = kept?.inForce ?? new Map<string, string>();
    return {
      connection,
      isSession: false,
      isReused: kept !== undefined,
      inForce,
      staleParameters: new Set(),
      release: (done) => {
        if (done) this.#kept.give(shape, generation, { connection, inForce });
        else connection.close();
      },
    };
  }

  /** Changes with every statement that may change tables. */
  get generation(): number {
    return this.#kept.generation;
  }

  /** A connection for one statement that changes no table. */
  leaseForReading(): Lease {
    const connection = this.#engine.connect();
    return {
      connection,
      isSession: false,
      isReused: false,
      inForce: new Map(),
      staleParameters: new Set(),
      release: () => connection.close(),
    };
  }

  closeAll(): void {
    this.#kept.forget();
    for (const [id, session] of this.#sessions) this.#end(id, session);
  }

  #end(id: string, session: Session): void {
    clearTimeout(session.expiry);
    this.#sessions.delete(id);
    session.connection.close();
  }
}
