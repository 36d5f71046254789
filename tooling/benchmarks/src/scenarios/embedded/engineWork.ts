/** What is asked of an engine, again and again. */
export type EngineTask = "small queries" | "rows read" | "rows inserted";

export interface EngineWork {
  readonly task: EngineTask;
  /** Callers that each wait for their answer. */
  readonly callers: number;
  readonly seconds: number;
}

export interface EngineWorkDone {
  /** Queries or rows. */
  readonly count: number;
  readonly seconds: number;
}

/** An engine, however it is reached. */
export interface EngineAccess {
  /** Resolves with the bytes of the result. */
  query(sql: string, caller: number): Promise<number>;
  insert(sql: string, rows: Buffer, caller: number): Promise<void>;
}

const ROWS_READ = 100_000;
const ROWS_INSERTED = 10_000;

/** RowBinary: nothing but the values, so that making text is not what is measured. */
const READ_SQL = `SELECT number, toString(number) AS text FROM numbers(${ROWS_READ}) FORMAT RowBinary`;
export const TABLE_SQL =
  "CREATE TABLE IF NOT EXISTS default.inserted (number UInt64, text String) ENGINE = MergeTree ORDER BY number";
const INSERT_SQL = "INSERT INTO default.inserted FORMAT RowBinary";

export async function workOn(
  engine: EngineAccess,
  { task, callers, seconds }: EngineWork,
): Promise<EngineWorkDone> {
  const rows = rowsToInsert();
  const once: Readonly<Record<EngineTask, (caller: number) => Promise<number>>> = {
    async "small queries"(caller) {
      await engine.query("SELECT 1 FORMAT RowBinary", caller);
      return 1;
    },
    async "rows read"(caller) {
      const bytes = await engine.query(READ_SQL, caller);
      if (bytes < ROWS_READ * 9) throw new Error(`Only ${bytes} bytes came.`);
      return ROWS_READ;
    },
    async "rows inserted"(caller) {
      await engine.insert(INSERT_SQL, rows, caller);
      return ROWS_INSERTED;
    },
  };
  let count = 0;
  const start = performance.now();
  const end = start + seconds * 1_000;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      do {
        const done = await once[task](caller);
        // Not `count += await …`: that would add to what the count was before the wait, and forget the other callers.
        count += done;
      } while (performance.now() < end);
    }),
  );
  return { count, seconds: (performance.now() - start) / 1_000 };
}

function rowsToInsert(): Buffer {
  return Buffer.concat(
    Array.from({ length: ROWS_INSERTED }, (_, number) => {
      const text = `row number ${number}`;
      const row = Buffer.alloc(9 + text.length);
      row.writeBigUInt64LE(BigInt(number));
      row.writeUInt8(text.length, 8);
      row.write(text, 9, "latin1");
      return row;
    }),
  );
}
