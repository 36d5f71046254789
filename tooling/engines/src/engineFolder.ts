import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";

const memory = "/dev/shm";
const enoughBytes = 4 * 1024 ** 3;

/**
 * Where an engine keeps what nobody needs after its run: in memory, where there is plenty. A table is many small files that come and go,
 * and an ext4 without a journal passes over every inode freed in the last minutes to make one more: in a full `/tmp` that took
 * most of an insert. `TMPDIR` overrules it.
 */
export async function engineFolder(): Promise<string> {
  if (process.env.TMPDIR) return tmpdir();
  try {
    const { bavail, bsize } = await statfs(memory);
    if (bavail * bsize >= enoughBytes) return memory;
  } catch {
    // Not on this system.
  }
  return tmpdir();
}
