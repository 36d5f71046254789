import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ClickHouseError } from "./clickHouseError.js";
import { ownPrefix } from "./dataFolder.js";
import { StartError } from "./startError.js";

/**
 * Named pipes between the engine and us. The native addon hands out whole results and takes whole bodies; through INTO OUTFILE
 * and FROM INFILE on a pipe the engine streams any format in bounded memory, and waits when the other side is slow.
 */
export class PipePool {
  readonly #folder: string;
  readonly #free: string[];

  /**
   * Makes the pipes in a folder of their own below the system's temporary one, as not every disk with data can hold pipes.
   * @param dataDir remembers the folder, which a killed process leaves behind; the next start removes it
   * @throws {StartError} `ENGINE_UNAVAILABLE` when the system has no mkfifo
   */
  constructor(size: number, dataDir: string) {
    const note = join(dataDir, `${ownPrefix}pipes`);
    removeLeftFolder(note);
    this.#folder = mkdtempSync(join(tmpdir(), folderPrefix));
    pools.add(this);
    this.#free = Array.from({ length: size }, (_, index) => join(this.#folder, `pipe-${index}`));
    try {
      writeFileSync(note, this.#folder, { mode: 0o600 });
      execFileSync("mkfifo", ["-m", "600", ...this.#free], { stdio: ["ignore", "ignore", "pipe"] });
    } catch (cause) {
      this.close();
      throw new StartError(
        "ENGINE_UNAVAILABLE",
        `named pipes cannot be made in ${this.#folder}: ${String(cause)}`,
        {
          cause,
        },
      );
    }
  }

  /**
   * Lends a pipe to `work` and takes it back however that ends; the engine must be done with it by then. There is one per concurrent
   * statement, so one is always free.
   */
  async lend<T>(work: (path: string) => Promise<T>): Promise<T> {
    const path = this.#free.pop();
    if (path === undefined) throw new Error("more statements run than pipes were made for");
    try {
      return await work(path);
    } finally {
      this.#free.push(path);
    }
  }

  close(): void {
    pools.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const folderPrefix = "clickhouse-embedded-";

/** What exists in this process. */
const pools = new Set<PipePool>();

/** Large inserts leave their data there, also when the process ends in the middle of one. */
function removeLeftFolder(note: string): void {
  try {
    const folder = readFileSync(note, "utf8");
    const isOurs = basename(folder).startsWith(folderPrefix) && lstatSync(folder).uid === process.getuid?.();
    if (isOurs) rmSync(folder, { recursive: true, force: true });
  } catch {
    // There is none.
  }
}

/** Opens two ends of a pipe, or none. */
function openEndsOf(path: string, first: number, second: number): readonly [number, number] {
  let opened: number | undefined;
  try {
    opened = openSync(path, first | constants.O_NONBLOCK);
    return [opened, openSync(path, second | constants.O_NONBLOCK)];
  } catch (cause) {
    if (opened !== undefined) closeSync(opened);
    throw fileError(cause);
  }
}

/** An error of the file system as the engine reports its own. */
export function fileError(cause: unknown): ClickHouseError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  const why =
    code === "EMFILE" || code === "ENFILE"
      ? `${code}: too many files and connections are open; raise the limit of the process (ulimit -n) or open fewer connections.`
      : message;
  return code === "ENOSPC" || code === "EDQUOT"
    ? new ClickHouseError(243, "NOT_ENOUGH_SPACE", `Cannot write a temporary file: ${why}`, { cause })
    : new ClickHouseError(76, "CANNOT_OPEN_FILE", `Cannot open a temporary file: ${why}`, { cause });
}

/** Ends of pipes open in this process. */
const openEnds = new Set<PipeReader | PipeWriter>();

/** Lets go of every pipe, so that no thread of the engine waits in one, and removes them. */
export function releaseAllPipes(): void {
  for (const end of openEnds) end.destroy();
  for (const pool of pools) pool.close();
}

/** The reading side of a pipe the engine writes. It ends once `finish` was called and everything is read. */
export class PipeReader {
  readonly stream: Socket;
  #writeEnd: number | undefined;

  /** @throws {ClickHouseError} 76 when the process has no file descriptor left */
  constructor(path: string) {
    const [readEnd, writeEnd] = openEndsOf(path, constants.O_RDONLY, constants.O_WRONLY);
    // Held so that the stream does not end before the engine opens the pipe.
    this.#writeEnd = writeEnd;
    this.stream = new Socket({ fd: readEnd, readable: true, writable: false });
    openEnds.add(this);
  }

  /** To be called when the engine is done with the pipe. */
  finish(): void {
    if (this.#writeEnd === undefined) return;
    closeSync(this.#writeEnd);
    this.#writeEnd = undefined;
  }

  destroy(): void {
    openEnds.delete(this);
    this.finish();
    this.stream.destroy();
  }
}

/** The writing side of a pipe the engine reads. */
export class PipeWriter {
  readonly stream: Socket;
  #bothEnds: number | undefined;

  /** @throws {ClickHouseError} 76 when the process has no file descriptor left */
  constructor(path: string) {
    // Opening for writing alone fails until the engine reads; the first lets it succeed, and the engine's opening not wait.
    const [bothEnds, writeEnd] = openEndsOf(path, constants.O_RDWR, constants.O_WRONLY);
    this.#bothEnds = bothEnds;
    this.stream = new Socket({ fd: writeEnd, readable: false, writable: true });
    // The engine may stop reading on a bad row; its own error is the one that counts.
    this.stream.on("error", () => {});
    openEnds.add(this);
  }

  /**
   * Ends the data. Only once more was written than a pipe holds (64 KiB): that proves the engine has opened it, else the
   * data would be lost and the engine wait for ever.
   */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.stream.destroyed) resolve();
      else {
        this.stream.once("close", () => resolve());
        this.stream.end(() => {
          this.#release();
          this.stream.destroy();
          resolve();
        });
      }
    });
  }

  destroy(): void {
    this.#release();
    this.stream.destroy();
  }

  #release(): void {
    openEnds.delete(this);
    if (this.#bothEnds === undefined) return;
    closeSync(this.#bothEnds);
    this.#bothEnds = undefined;
  }
}
