import type { ClickHouseClient, ClickHouseSettings } from "@clickhouse/client";
import { type AggregateSelection, EventSourcingError, type Page, type PageOptions } from "@es/core";
import { decodeCursor, encodeCursor, pageLimit, withSpan } from "@es/core/adapter";
import type { Replay, ReplayControl, ReplayDefinition, ReplayProgress, ReplayStore } from "@es/processing";
import { SpanKind } from "@opentelemetry/api";
import { classifyClickHouseError } from "./clickHouseErrors.js";
import { qualifiedName } from "./identifier.js";
import { insertLines, insertStatement } from "./insertLines.js";
import { repeating } from "./lostConnection.js";
import { REPLAY_TABLE, replayClickHouseMigrations } from "./replayClickHouseMigrations.js";
import { insertSettings, readSettings } from "./requestSettings.js";
import type { StoreClickHouseOptions } from "./storeOptions.js";
import { storeTracer } from "./telemetry.js";

export interface ReplayStoreClickHouseOptions
  extends Pick<StoreClickHouseOptions, "database" | "readSettings" | "insertSettings"> {
  /** The kind of projection whose replays these are. @default "default" */
  readonly projection?: string;
}

/** Of the sorting key's last column. */
type Part = "definition" | "control" | "progress";

interface PartRow {
  readonly Part: Part;
  readonly Revision: number;
  readonly Runs?: boolean;
  readonly ClosesUpTo?: string;
  readonly Value: string;
}

interface ReplayRow {
  readonly id: string;
  readonly definition: string;
  readonly control: string;
  /** Empty until there is one. */
  readonly progress: string;
}

const NAME = "ReplayStoreClickHouse";
const COLUMNS = ["Projection", "ReplayId", "Part", "Revision", "Runs", "ClosesUpTo", "Value"];
const ALWAYS = String(2n ** 64n - 1n);

/** Replays in the table `replays`, three rows each, which `replayClickHouseMigrations` make. */
export class ReplayStoreClickHouse<TAggregateId extends string = string>
  implements ReplayStore<TAggregateId>
{
  readonly #client: ClickHouseClient;
  readonly #table: string;
  readonly #projection: string;
  readonly #readSettings: ClickHouseSettings;
  readonly #insertSettings: ClickHouseSettings;

  constructor(client: ClickHouseClient, options: ReplayStoreClickHouseOptions = {}) {
    this.#client = repeating(client);
    this.#table = qualifiedName(options.database, REPLAY_TABLE);
    this.#projection = options.projection ?? "default";
    this.#readSettings = { ...readSettings, ...options.readSettings };
    this.#insertSettings = { ...insertSettings, ...options.insertSettings };
  }

  createReplay(definition: ReplayDefinition<TAggregateId>, control: ReplayControl): Promise<void> {
    return this.#write("createReplay", definition.id, [
      { Part: "definition", Revision: 1, Value: definitionToText(definition) },
      controlRow(control),
    ]);
  }

  storeControl(id: string, control: ReplayControl): Promise<void> {
    return this.#write("storeControl", id, [controlRow(control)]);
  }

  storeProgress(id: string, progress: ReplayProgress): Promise<void> {
    return this.#write("storeProgress", id, [progressRow(progress)]);
  }

  async getReplay(id: string): Promise<Replay<TAggregateId> | null> {
    const [row] = await this.#read<ReplayRow>(
      "getReplay",
      `${this.#select()} AND ReplayId = {id: String} GROUP BY ReplayId`,
      { id },
    );
    return row === undefined ? null : this.#decode(row);
  }

  async listReplays(options?: PageOptions): Promise<Page<Replay<TAggregateId>>> {
    const limit = pageLimit(options);
    const before = options?.cursor === undefined ? undefined : decodeCursor(options.cursor);
    const rows = await this.#read<ReplayRow>(
      "listReplays",
      `${this.#select()} ${before === undefined ? "" : "AND ReplayId < {before: String} "}` +
        "GROUP BY ReplayId ORDER BY ReplayId DESC LIMIT {limit: UInt64}",
      { limit: limit + 1, ...(before === undefined ? {} : { before }) },
    );
    const items = rows.slice(0, limit).map((row) => this.#decode(row));
    const last = items.at(-1);
    return {
      items,
      nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last.definition.id) : null,
    };
  }

  async listOpenReplayIds(): Promise<readonly string[]> {
    const rows = await this.#read<{ readonly id: string }>(
      "listOpenReplayIds",
      `SELECT ReplayId AS id FROM ${this.#table} WHERE Projection = {projection: String} GROUP BY ReplayId ` +
        "HAVING argMaxIf(Runs, Revision, Part = 'control') AND " +
        "maxIf(Revision, Part = 'control') > argMaxIf(ClosesUpTo, Revision, Part = 'progress') ORDER BY ReplayId",
      {},
    );
    return rows.map(({ id }) => id);
  }

  #select(): string {
    const newest = (part: Part) => `argMaxIf(Value, Revision, Part = '${part}') AS ${part}`;
    return (
      `SELECT ReplayId AS id, ${newest("definition")}, ${newest("control")}, ${newest("progress")} ` +
      `FROM ${this.#table} WHERE Projection = {projection: String}`
    );
  }

  #decode({ id, definition, control, progress }: ReplayRow): Replay<TAggregateId> {
    try {
      return {
        definition: definitionFromText(id, definition),
        control: JSON.parse(control) as ReplayControl,
        progress: progress === "" ? null : (JSON.parse(progress) as ReplayProgress),
      };
    } catch (cause) {
      throw new EventSourcingError(
        "STORE_REJECTED",
        `Replay ${JSON.stringify(id)} in ${this.#table} cannot be decoded: ${String(cause)}`,
        { cause, fields: { table: this.#table, replayId: id } },
      );
    }
  }

  #write(operation: string, id: string, parts: readonly PartRow[]): Promise<void> {
    return this.#call(operation, async () => {
      const rows = parts.map((part) =>
        JSON.stringify({ Projection: this.#projection, ReplayId: id, ...part }),
      );
      const text = rows.map((row) => `${row}\n`).join("");
      const lines = [{ text, bytes: Buffer.byteLength(text), rows: rows.length }];
      await insertLines(this.#client, insertStatement(this.#table, COLUMNS), lines, this.#insertSettings);
    });
  }

  #read<TRow>(
    operation: string,
    query: string,
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<readonly TRow[]> {
    return this.#call(operation, async () => {
      const result = await this.#client.query({
        query,
        format: "JSONEachRow",
        query_params: { projection: this.#projection, ...parameters },
        clickhouse_settings: this.#readSettings,
      });
      return result.json<TRow>();
    });
  }

  #call<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const name = `${NAME}.${operation}`;
    return withSpan(storeTracer, name, { kind: SpanKind.CLIENT }, async () => {
      try {
        return await work();
      } catch (error) {
        const { component } = replayClickHouseMigrations;
        throw classifyClickHouseError(error, { name, table: this.#table, component });
      }
    });
  }
}

function controlRow(control: ReplayControl): PartRow {
  return {
    Part: "control",
    Revision: control.revision,
    Runs: control.desired === "running",
    Value: JSON.stringify(control),
  };
}

function progressRow(progress: ReplayProgress): PartRow {
  const { finishedAt, stop } = progress;
  return {
    Part: "progress",
    Revision: progress.revision,
    ClosesUpTo: finishedAt === null ? String(stop?.controlRevision ?? 0) : ALWAYS,
    Value: JSON.stringify(progress),
  };
}

interface StoredDefinition {
  readonly force: boolean;
  readonly createdAt: number;
  readonly selection: Omit<AggregateSelection, "acceptedFrom" | "acceptedTo"> & {
    readonly acceptedFrom?: string;
    readonly acceptedTo?: string;
  };
}

function definitionToText({ selection, force, createdAt }: ReplayDefinition): string {
  const { acceptedFrom, acceptedTo, ...rest } = selection;
  const stored: StoredDefinition = {
    force,
    createdAt,
    selection: {
      ...rest,
      ...(acceptedFrom === undefined ? {} : { acceptedFrom: String(acceptedFrom) }),
      ...(acceptedTo === undefined ? {} : { acceptedTo: String(acceptedTo) }),
    },
  };
  return JSON.stringify(stored);
}

function definitionFromText<TAggregateId extends string>(
  id: string,
  text: string,
): ReplayDefinition<TAggregateId> {
  const { selection, ...rest } = JSON.parse(text) as StoredDefinition;
  const { acceptedFrom, acceptedTo, ...others } = selection;
  return {
    id,
    ...rest,
    selection: {
      ...(others as AggregateSelection<TAggregateId>),
      ...(acceptedFrom === undefined ? {} : { acceptedFrom: BigInt(acceptedFrom) }),
      ...(acceptedTo === undefined ? {} : { acceptedTo: BigInt(acceptedTo) }),
    },
  };
}
