import { ClickHouseError } from "./clickHouseError.js";
import type { Engine, EngineConnection } from "./engine.js";
import type { SessionRequest } from "./requestParameters.js";

/** What one request runs on: a connection that is its own, or a session's that outlives it. */
export interface Lease {
  readonly connection: EngineConnection;
  /** The connection was used by earlier requests and will be by later ones. */
  readonly isSession: boolean;
  /** Parameter names earlier requests of the session left behind: the engine cannot unset them. */
  readonly staleParameters: Set<string>;
  /** Gives it back, once. */
  release(): void;
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

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws {ClickHouseError} 372 no such session, 373 in use by another request */
  lease(request: SessionRequest | undefined): Lease {
    if (request === undefined) {
      const connection = this.#engine.connect();
      return { connection, isSession: false, staleParameters: new Set(), release: () => connection.close() };
    }
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
      staleParameters: held.staleParameters,
      release: () => {
        held.busy = false;
        held.expiry = setTimeout(() => this.#end(id, held), request.timeoutSeconds * 1000);
        held.expiry.unref();
      },
    };
  }

  closeAll(): void {
    for (const [id, session] of this.#sessions) this.#end(id, session);
  }

  #end(id: string, session: Session): void {
    clearTimeout(session.expiry);
    this.#sessions.delete(id);
    session.connection.close();
  }
}
