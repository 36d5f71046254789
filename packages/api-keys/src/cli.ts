import { parseArgs } from "node:util";
import { createApiKey, hashApiKey } from "./apiKey.js";
import { apiKeyScopes } from "./apiKeyEntry.js";
import { ApiKeysError } from "./apiKeysError.js";
import { parseApiKeys } from "./parseApiKeys.js";
import {
  addToApiKeysFile,
  readStoredApiKeys,
  removeFromApiKeysFile,
  type StoredApiKey,
} from "./storedApiKeys.js";

const usage = `es-keys create --tenant <tenant> [--name <text>] [--scope ingest|read]… [--expires <time>] [--file <path>]
es-keys list   --file <path> [--tenant <tenant>]
es-keys revoke --file <path> (--id <id> | --key <key> | --tenant <tenant> [--name <text>] | --all)

create makes an API key and prints it: once, for it is stored nowhere. What is stored is the entry with its hash.
list shows the keys in a file, by the first digits of their hashes.
revoke takes keys out of a file. Apps that use the file refuse them within two seconds.

  --tenant   whose data the key sends and reads
  --name     for people: where the key is used
  --scope    what it may do; both without it
  --expires  from when on it is refused, such as 2027-01-31T12:00:00Z; never without it
  --file     the file of keys (API_KEYS_FILE); create makes it if it is not there
  --id       the id that list shows, or more digits of the hash
  --key      the key itself, such as one that was found where it should not be
  --all      every key in the file`;

const options = {
  tenant: { type: "string" },
  name: { type: "string" },
  scope: { type: "string", multiple: true },
  expires: { type: "string" },
  file: { type: "string" },
  id: { type: "string" },
  key: { type: "string" },
  all: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>["values"];

const commands: Readonly<
  Record<string, { readonly takes: readonly string[]; run(values: Values): Promise<string> }>
> = {
  create: { takes: ["tenant", "name", "scope", "expires", "file"], run: create },
  list: { takes: ["tenant", "file"], run: list },
  revoke: { takes: ["tenant", "name", "file", "id", "key", "all"], run: revoke },
};

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
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  if (values.help === true) return usage;
  const [name = "", ...rest] = positionals;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined || rest.length > 0)
    throw new Error("The command is create, list or revoke, and its options begin with --.");
  const foreign = Object.keys(values).find((option) => !command.takes.includes(option));
  if (foreign !== undefined) throw new Error(`${name} does not take --${foreign}.`);
  return command.run(values);
}

async function create(values: Values): Promise<string> {
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
      : `Its entry, with the id ${idOf(entry)}, was added to ${values.file}.`;
  return `API key of tenant ${JSON.stringify(values.tenant)}, shown only now:\n\n  ${key}\n\n${stored}`;
}

async function list(values: Values): Promise<string> {
  const path = fileOf(values);
  const entries = (await readStoredApiKeys(path)).filter(
    ({ tenant }) => values.tenant === undefined || tenant === values.tenant,
  );
  if (entries.length === 0) return `No keys in ${path}${ofTenant(values.tenant)}.`;
  return entries.map((entry) => describe(entry)).join("\n");
}

async function revoke(values: Values): Promise<string> {
  const path = fileOf(values);
  const ways = [values.id, values.key, values.tenant, values.all].filter((way) => way !== undefined);
  if (ways.length !== 1) throw new Error("Which keys? Give one of --id, --key, --tenant and --all.");
  if (values.name !== undefined && values.tenant === undefined)
    throw new Error("--name needs --tenant beside it.");
  const removed = await removeFromApiKeysFile(path, selection(values, await readStoredApiKeys(path)));
  if (removed.length === 0) {
    throw new ApiKeysError(`No key in ${path} is the one that was named; es-keys list shows those it has.`);
  }
  const count = removed.length === 1 ? "1 key" : `${removed.length} keys`;
  return `Took ${count} out of ${path}:\n\n${removed.map((entry) => `  ${describe(entry)}`).join("\n")}`;
}

/** Whether the options of revoke name an entry. */
function selection(values: Values, entries: readonly StoredApiKey[]): (entry: StoredApiKey) => boolean {
  if (values.all === true) return () => true;
  if (values.tenant !== undefined) {
    return ({ tenant, name }) =>
      tenant === values.tenant && (values.name === undefined || name === values.name);
  }
  if (values.key !== undefined) {
    const hash = hashApiKey(values.key);
    return (entry) => entry.hash === hash;
  }
  const digits = (values.id ?? "").replace(/^sha256:/, "");
  if (!/^[0-9a-f]{6,64}$/.test(digits))
    throw new Error("--id is 6 to 64 hexadecimal digits of the key's hash.");
  const isNamed = ({ hash }: StoredApiKey) => hash.startsWith(`sha256:${digits}`);
  if (entries.filter(isNamed).length > 1)
    throw new ApiKeysError(`The hashes of several keys begin with ${digits}; give more digits.`);
  return isNamed;
}

function fileOf(values: Values): string {
  if (values.file === undefined) throw new Error("--file is missing.");
  return values.file;
}

const ofTenant = (tenant: string | undefined) =>
  tenant === undefined ? "" : ` are of tenant ${JSON.stringify(tenant)}`;

function idOf({ hash }: Pick<StoredApiKey, "hash">): string {
  return hash.slice("sha256:".length, "sha256:".length + 12);
}

/** One line; the tenant and the name in quotes, for they may hold anything. */
function describe(entry: StoredApiKey): string {
  const { tenant, name, scopes, expiresAt } = entry;
  const until =
    expiresAt === undefined
      ? undefined
      : `${Date.parse(expiresAt) <= Date.now() ? "expired" : "expires"} ${expiresAt}`;
  return [
    idOf(entry),
    `tenant ${JSON.stringify(tenant)}`,
    name === undefined ? undefined : `name ${JSON.stringify(name)}`,
    scopes.join(" and "),
    until,
  ]
    .filter((part) => part !== undefined)
    .join("  ");
}
