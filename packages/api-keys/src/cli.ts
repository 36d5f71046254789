import { parseArgs } from "node:util";
import { createApiKey } from "./apiKey.js";
import { apiKeyScopes } from "./apiKeyEntry.js";
import { ApiKeysError } from "./apiKeysError.js";
import { parseApiKeys } from "./parseApiKeys.js";
import { addToApiKeysFile } from "./storedApiKeys.js";

const usage = `es-keys create --tenant <tenant> [--name <text>] [--scope ingest|read]… [--expires <time>] [--file <path>]

Makes an API key and prints it: once, for it is stored nowhere. What is stored is the entry with its hash.

  --tenant   whose data the key sends and reads
  --name     for people: where the key is used
  --scope    what it may do; both without it
  --expires  from when on it is refused, such as 2027-01-31T12:00:00Z; never without it
  --file     adds the entry to this file (API_KEYS_FILE), which is made if it is not there`;

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  try {
    process.stdout.write(`${await run(args)}\n`);
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message}\n${error instanceof ApiKeysError ? "" : `\n${usage}\n`}`);
    return 1;
  }
}

async function run(args: readonly string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      tenant: { type: "string" },
      name: { type: "string" },
      scope: { type: "string", multiple: true },
      expires: { type: "string" },
      file: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return usage;
  if (positionals.length !== 1 || positionals[0] !== "create")
    throw new Error("The command is create, and nothing else.");
  if (values.tenant === undefined) throw new Error("--tenant is missing.");
  const { key, hash } = createApiKey();
  const entry = {
    tenant: values.tenant,
    ...(values.name === undefined ? {} : { name: values.name }),
    scopes: values.scope ?? apiKeyScopes,
    ...(values.expires === undefined ? {} : { expiresAt: values.expires }),
    hash,
  };
  // The same rules as when it is read, before anybody is given the key.
  parseApiKeys(JSON.stringify({ keys: [entry] }));
  if (values.file !== undefined) await addToApiKeysFile(values.file, entry);
  const stored =
    values.file === undefined
      ? `Entry for "keys" in API_KEYS_FILE or API_KEYS:\n\n  ${JSON.stringify(entry)}`
      : `Its entry was added to ${values.file}.`;
  return `API key of tenant ${JSON.stringify(values.tenant)}, shown only now:\n\n  ${key}\n\n${stored}`;
}
