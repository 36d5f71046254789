import { type ClickHouseClient, ClickHouseError, type ClickHouseSettings } from "@clickhouse/client";
import { EventSourcingError } from "@es/core";
import { classifyClickHouseError } from "@es/store-clickhouse";

/** Understood by the HTTP interface itself: no setting, so every user may send it. */
const OF_THE_INTERFACE: ReadonlySet<string> = new Set(["wait_end_of_query"]);
const READONLY = "164";

export interface PermittedSettings {
  /** A client of the same user that leaves out what the user may not set. */
  over(client: ClickHouseClient): ClickHouseClient;
  /**
   * Asks ClickHouse whether the user may change settings.
   *
   * @throws EventSourcingError `STORE_REJECTED` if the user may not, and a setting that reads need is not in the user's profile
   */
  learn(): Promise<void>;
  /** Asks again where the user could not: a profile may have changed. */
  check(): Promise<void>;
}

type Send = (parameters: { readonly clickhouse_settings?: ClickHouseSettings }) => Promise<unknown>;

/**
 * For a ClickHouse user with `readonly = 1`, who may read and change no setting: settings are then left to the user's
 * profile, which is checked for those that must hold. Nothing is left out before `learn` was called.
 *
 * @param required what results depend on. Other settings of a request are bounds, which the profile may set.
 */
export function permittedSettings(client: ClickHouseClient, required: ClickHouseSettings): PermittedSettings {
  let learns = false;
  let mayChange = true;

  async function learn(): Promise<void> {
    learns = true;
    const found = await profileOf(client);
    if (found.get("readonly") !== "1") {
      mayChange = true;
      return;
    }
    const missing = Object.entries(required).filter(
      ([name, value]) => !OF_THE_INTERFACE.has(name) && found.get(name) !== String(value),
    );
    // Results that lack them would be wrong: then requests go on being refused.
    mayChange = missing.length > 0;
    if (missing.length === 0) return;
    const wanted = missing.map(([name, value]) => `${name} = ${literal(value)}`).join(", ");
    throw new EventSourcingError(
      "STORE_REJECTED",
      "The ClickHouse user has readonly = 1 and may change no setting, but its profile lacks some that reads need. Run " +
        `ALTER USER … SETTINGS readonly = 1, ${wanted}; or give the user readonly = 2.`,
      { fields: { missing: missing.map(([name]) => name).join(", ") } },
    );
  }

  const permitted =
    (send: Send): Send =>
    async (parameters) => {
      if (mayChange) {
        try {
          return await send(parameters);
        } catch (error) {
          if (!learns || !(error instanceof ClickHouseError) || error.code !== READONLY) throw error;
          await learn();
          if (mayChange) throw error;
        }
      }
      const { clickhouse_settings: settings } = parameters;
      if (settings === undefined) return send(parameters);
      const left = Object.entries(settings).filter(([name]) => OF_THE_INTERFACE.has(name));
      return send({ ...parameters, clickhouse_settings: Object.fromEntries(left) });
    };

  return {
    learn,
    async check() {
      if (!mayChange) await learn();
    },
    over: (target) =>
      new Proxy(target, {
        get(_, name) {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== "function") return member;
          const bound = member.bind(target);
          return WITH_SETTINGS.has(name) ? permitted(bound) : bound;
        },
      }),
  };
}

const WITH_SETTINGS: ReadonlySet<string | symbol> = new Set(["query", "command", "exec", "insert"]);

async function profileOf(client: ClickHouseClient): Promise<ReadonlyMap<string, string>> {
  try {
    const result = await client.query({
      query: "SELECT name, value FROM system.settings",
      format: "JSONEachRow",
    });
    const rows = await result.json<{ readonly name: string; readonly value: string }>();
    return new Map(rows.map(({ name, value }) => [name, value]));
  } catch (error) {
    throw classifyClickHouseError(error, {
      name: "read the user's settings",
      table: "system.settings",
      component: "trace-wiring",
    });
  }
}

function literal(value: unknown): string {
  return typeof value === "number" ? String(value) : `'${String(value)}'`;
}
