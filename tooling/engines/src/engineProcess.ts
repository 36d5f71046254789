/** An engine that was started, or was there. */
export interface EngineProcess {
  readonly url: string;
  /** Where it comes from, for the run's summary: "CLICKHOUSE_URL", "container …", "local …". */
  readonly source: string;
  /** Of an engine that is a process of this machine. */
  readonly pid?: number;
  close(): Promise<void>;
}
