import {
  type BigIntStats,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  statfsSync,
  statSync,
} from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ClickHouseError } from "./clickHouseError.js";
import { StartError } from "./startError.js";

/** What the engine keeps directly in its data folder. */
const enginesOwn: ReadonlySet<string> = new Set(
  "access caches data dictionaries_lib disks flags format_schemas lost+found metadata metadata_dropped named_collections preprocessed_configs status store tmp user_defined user_files user_scripts uuid workload".split(
    " ",
  ),
);
/** Files of this package in it begin like this. */
export const ownPrefix = "clickhouse-embedded.";

/** Without these nothing is kept: the folder, the engine's lock on it, the rows of tables, and what says that there are tables. */
const vitalParts = ["", "status", "store", "metadata"] as const;

/** Below so many free bytes an insert fails sooner or later: a merge needs as much as it replaces. */
const leastFreeBytes = 8 * 1024 * 1024;
const probeBytes = 4096;
/** Tables are compared, and the disk is written to, no more often. */
const probeEveryMs = 1_000;

/**
 * Makes the data folder, for its owner alone, and closes an existing one to others.
 * @throws {StartError} `DATA_DIR_NOT_WRITABLE`
 */
export function prepareDataFolder(path: string): void {
  try {
    makePrivateDirectory(path);
    if (!statSync(path).isDirectory()) throw new Error("it is a file, not a directory");
    // access(2) answers "yes" to root on a read-only mount's files, so create something.
    makePrivateDirectory(join(path, "tmp"));
    tighten(path);
  } catch (cause) {
    throw new StartError(
      "DATA_DIR_NOT_WRITABLE",
      `the data directory ${path} cannot be written: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

/**
 * Takes others' rights from what the engine keeps, and from the folder itself if nobody else has anything in it: it may be a common one,
 * such as /tmp.
 */
function tighten(path: string): void {
  const entries = readdirSync(path, { withFileTypes: true });
  const isOwn = (name: string) => enginesOwn.has(name) || name.startsWith(ownPrefix);
  if (entries.every(({ name }) => isOwn(name))) takeRights(path);
  for (const entry of entries) {
    if (entry.isDirectory() && isOwn(entry.name) && entry.name !== "lost+found")
      takeRights(join(path, entry.name));
  }
}

function takeRights(path: string): void {
  const { mode, uid } = statSync(path);
  // A volume may belong to another user, who alone can change its mode; the folders in it are ours.
  if ((mode & 0o077) === 0 || (process.getuid?.() !== 0 && uid !== process.getuid?.())) return;
  chmodSync(path, 0o700);
}

/** `mkdir -p` for the owner alone. Node's own never returns where a file system answers "no such directory" for a child of an existing one (/proc). */
function makePrivateDirectory(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makePrivateDirectory(parent);
  mkdirSync(path, { mode: 0o700 });
}

/** A table as the engine knows it, to be compared with what is on the disk. */
export interface StoredTable {
  readonly name: string;
  readonly dataPaths: readonly string[];
}

/**
 * Watches whether the folder the engine opened is still the one at its path. The engine itself does not notice: it makes missing folders
 * again and reports success for rows that no later start finds.
 */
export class DataFolder {
  readonly #path: string;
  /** As each part was when it was seen first; the engine makes some with the first table. */
  readonly #identities = new Map<string, string>();
  readonly #dataIdentities = new Map<string, string>();
  #damage: string | undefined;
  #probe: { readonly at: number; readonly outcome: Promise<void> } | undefined;

  /** Remembers the folder as it is now, with the engine open on it. */
  constructor(path: string) {
    this.#path = path;
    this.#whatIsWrong();
  }

  /**
   * Costs some microseconds.
   * @throws {ClickHouseError} 76, which is HTTP 503, when the folder was removed, moved or replaced
   */
  assertInPlace(): void {
    const reason = this.#whatIsWrong() ?? this.#damage;
    if (reason !== undefined) throw new ClickHouseError(76, "CANNOT_OPEN_FILE", reason);
  }

  /**
   * Checks that the folder and the tables are in place and that the disk takes a file.
   * @param listTables called at most once per second
   * @throws {ClickHouseError} 76 or 243 with the reason
   */
  async check(listTables: () => readonly StoredTable[]): Promise<void> {
    const now = performance.now();
    if (this.#probe === undefined || now - this.#probe.at >= probeEveryMs) {
      this.#damage = this.#damagedTable(listTables());
      this.#probe = { at: now, outcome: this.#tryWriting() };
      // What is found below counts first; nobody may wait for this outcome.
      this.#probe.outcome.catch(() => {});
    }
    this.assertInPlace();
    assertFileDescriptors();
    await this.#probe.outcome;
  }

  #whatIsWrong(): string | undefined {
    for (const part of vitalParts) {
      const path = part === "" ? this.#path : join(this.#path, part);
      const found = identityOf(path);
      const known = this.#identities.get(path) ?? found;
      if (known !== undefined) this.#identities.set(path, known);
      if (found === known) continue;
      return `${path} was ${found === undefined ? "removed or moved away" : "replaced"} while the engine runs. ${this.#advice}`;
    }
    return undefined;
  }

  #damagedTable(tables: readonly StoredTable[]): string | undefined {
    const present = new Set<string>();
    for (const { name, dataPaths } of tables) {
      for (const path of dataPaths) {
        const found = identityOf(path);
        const known = this.#dataIdentities.get(path) ?? found;
        if (found === undefined || found !== known)
          return `the data of table ${name}, ${path}, was removed or replaced while the engine runs. ${this.#advice}`;
        this.#dataIdentities.set(path, found);
        present.add(path);
      }
    }
    for (const path of this.#dataIdentities.keys()) if (!present.has(path)) this.#dataIdentities.delete(path);
    return undefined;
  }

  get #advice(): string {
    return `Inserts are refused. What was acknowledged before is where ${this.#path} went; this process cannot save it: stop it, put the folder back or restore a copy, and start again.`;
  }

  async #tryWriting(): Promise<void> {
    if (this.#whatIsWrong() !== undefined) return;
    const { bavail, bfree, bsize } = statfsSync(this.#path);
    const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
    if (free < leastFreeBytes) {
      throw new ClickHouseError(
        243,
        "NOT_ENOUGH_SPACE",
        `the disk of ${this.#path} is full: ${free} bytes are free. Make room; inserts go on by themselves.`,
      );
    }
    const file = join(this.#path, `${ownPrefix}probe`);
    try {
      await writeFile(file, Buffer.alloc(probeBytes), { mode: 0o600 });
      await rm(file, { force: true });
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const isFull = code === "ENOSPC" || code === "EDQUOT";
      throw new ClickHouseError(
        isFull ? 243 : 76,
        isFull ? "NOT_ENOUGH_SPACE" : "CANNOT_OPEN_FILE",
        `the data directory ${this.#path} cannot be written: ${reasonOf(cause)}. Inserts are refused until it can.`,
        { cause },
      );
    }
  }
}

/** @throws {ClickHouseError} 76 when this process can open no further file */
function assertFileDescriptors(): void {
  try {
    closeSync(openSync("/dev/null", "r"));
  } catch (cause) {
    throw new ClickHouseError(76, "CANNOT_OPEN_FILE", `no file can be opened: ${reasonOf(cause)}`, { cause });
  }
}

/** Device and inode; undefined where there is nothing. */
function identityOf(path: string): string | undefined {
  let found: BigIntStats | undefined;
  try {
    found = statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // A part of the path is no directory any more, or may not be entered.
  }
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this user may not write there",
  EPERM: "this user may not change it",
  ENOTDIR: "a part of its path is a file, not a directory",
  EROFS: "it is on a read-only file system",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EMFILE: "too many files and connections are open in this process (ulimit -n)",
  ENFILE: "too many files are open in this system",
  ENOENT: "a part of its path does not exist and cannot be made",
};

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = reasons[code ?? ""];
  return reason === undefined ? message : `${reason} (${code})`;
}
