import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StartError } from "./startError.js";

/**
 * Named pipes between the engine and us. The native addon hands out whole results and takes whole bodies; through INTO OUTFILE
 * and FROM INFILE on a pipe the engine streams any format in bounded memory, and waits when the other side is slow.
 */
export class PipePool {
  readonly #folder: string;
  readonly #free: string[];

  /** @throws {StartError} `ENGINE_UNAVAILABLE` when the system has no mkfifo */
  constructor(size: number) {
    this.#folder = mkdtempSync(join(tmpdir(), "clickhouse-embedded-"));
    this.#free = Array.from({ length: size }, (_, index) => join(this.#folder, `pipe-${index}`));
    try {
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

  /** Borrows a pipe. There is one per concurrent statement, so one is always free. */
  take(): string {
    const path = this.#free.pop();
    if (path === undefined) throw new Error("more statements run than pipes were made for");
    return path;
  }

  give(path: string): void {
    this.#free.push(path);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Ends of pipes open in this process. */
const openEnds = new Set<PipeReader | PipeWriter>();

/** Lets go of every pipe, so that no thread of the engine waits in one. */
export function releaseAllPipes(): void {
  for (const end of openEnds) end.destroy();
}

/** The reading side of a pipe the engine writes. It ends once `finish` was called and everything is read. */
export class PipeReader {
  readonly stream: Socket;
  #writeEnd: number | undefined;

  constructor(path: string) {
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Held so that the stream does not end before the engine opens the pipe.
    this.#writeEnd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
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

  constructor(path: string) {
    // Opening for writing alone fails until the engine reads; this end lets it succeed, and the engine's opening not wait.
    this.#bothEnds = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const writeEnd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
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
