import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { EventSourcingError } from "@es/core";
import { classifyClickHouseError } from "@es/store-clickhouse";

/** Understood by the HTTP interface itself: no setting, so every user may send it. */
const OF_THE_INTERFACE: ReadonlySet<string> = new Set(["wait_end_of_query"]);

export interface PermittedSettings {
  /** A client of the same user that leaves out what the user may not set. */
  over(client: ClickHouseClient): ClickHouseClient;
  /**
   * Asks ClickHouse whether the user may change settings.
   *
   * @throws EventSourcingError `STORE_REJECTED` if the user may not, and a setting that reads need is not in the user's profile
   */
  learn(): Promise<void>;
}

/**
 * For a ClickHouse user with `readonly = 1`, who may read and change no setting: settings are then left to the user's
 * profile, which is checked for those that must hold.
 *
 * @param required what results depend on. Other settings of a request are bounds, which the profile may set.
 */
export function permittedSettings(client: ClickHouseClient, required: ClickHouseSettings): PermittedSettings {
  let mayChange = true;
  const permitted = (settings: ClickHouseSettings) =>
    Object.fromEntries(Object.entries(settings).filter(([name]) => OF_THE_INTERFACE.has(name)));
  const wrap = (wrapped: ClickHouseClient) =>
    new Proxy(wrapped, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (mayChange || !WITH_SETTINGS.has(name)) return member.bind(target);
        return (parameters: { readonly clickhouse_settings?: ClickHouseSettings }) =>
          member.call(target, {
            ...parameters,
            ...(parameters.clickhouse_settings === undefined
              ? {}
              : { clickhouse_settings: permitted(parameters.clickhouse_settings) }),
          });
      },
    });
  return {
    over: wrap,
    async learn() {
      const found = await profileOf(client);
      mayChange = found.get("readonly") !== "1";
      if (mayChange) return;
      const missing = Object.entries(required).filter(
        ([name, value]) => !OF_THE_INTERFACE.has(name) && found.get(name) !== String(value),
      );
      if (missing.length === 0) return;
      const wanted = missing.map(([name, value]) => `${name} = ${literal(value)}`).join(", ");
      throw new EventSourcingError(
        "STORE_REJECTED",
        "The ClickHouse user has readonly = 1 and may change no setting, but its profile lacks some that reads need. Run " +
          `ALTER USER … SETTINGS readonly = 1, ${wanted}; or give the user readonly = 2.`,
        { fields: { missing: missing.map(([name]) => name).join(", ") } },
      );
    },
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
      component: "trace-service",
    });
  }
}

function literal(value: unknown): string {
  return typeof value === "number" ? String(value) : `'${String(value)}'`;
}
