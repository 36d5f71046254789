import { type BackendFactory, createRedisBackend, type RedisQueueBackend } from "bullmq";

/** BullMQ's scripts that are called once per job. */
const gathered: ReadonlySet<string> = new Set([
  "addDelayedJob",
  "addPrioritizedJob",
  "addStandardJob",
  "moveToFinished",
  "moveToActive",
]);

/** Whose answer for the next call is the same once there is no job left. */
const untilEmpty = /^moveToActive\b/;

/** Most calls in one command: Redis does nothing else meanwhile, for a few milliseconds at most. */
const MAX_CALLS = 50;

type Client = Awaited<RedisQueueBackend["client"]>;

/** A script as ioredis keeps it. */
interface KeptScript {
  readonly lua: string;
  readonly numberOfKeys: number;
}

interface Call {
  /** Keys, then arguments. */
  readonly values: readonly unknown[];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * BullMQ's backend on Redis, with calls of one script that are made in one turn of the event loop sent as one command. What a job
 * costs beyond what its script does is mostly the command itself: two dozen keys and arguments to write and to read, of
 * which two or three differ from those of the next job.
 *
 * The scripts are BullMQ's own: their text is the body of a function that is called once for each job, with the keys and
 * arguments that BullMQ made for it. So what becomes of a job, and what is answered, is the same, also where one of the
 * calls fails. Calls of one script keep their order; those of different scripts, or of a script that is not gathered, may
 * not. A script that cannot be found where ioredis keeps it, or does not compile as a function, is called as BullMQ
 * does it.
 */
export const createGatheringBackend: BackendFactory<RedisQueueBackend> = (name, options, connections) => {
  const backend = createRedisBackend(name, options, connections);
  const execute = backend.execCommand.bind(backend);
  const clients = new WeakMap<Client, GatheringClient>();
  backend.execCommand = (client, command, values) => {
    if (!gathered.has(command) || !isConnection(client)) return execute(client, command, values);
    let gathering = clients.get(client);
    if (gathering === undefined) {
      gathering = new GatheringClient(client);
      clients.set(client, gathering);
    }
    return execute(gathering as unknown as Client, command, values);
  };
  // In the base class a pipeline, which would hold the commands apart.
  backend.addJobs = (entries) =>
    Promise.all(entries.map(({ job, jobId, parentKeyOpts }) => backend.addJob(job, jobId, parentKeyOpts)));
  return backend;
};

/** Stands for a client where BullMQ only calls a script. */
class GatheringClient {
  readonly #client: Client;
  readonly #scripts = new Map<string, GatheredScript>();

  constructor(client: Client) {
    this.#client = client;
  }

  runCommand(name: string, values: readonly unknown[]): Promise<unknown> {
    let script = this.#scripts.get(name);
    if (script === undefined) {
      script = new GatheredScript(this.#client, name);
      this.#scripts.set(name, script);
    }
    return script.call(values);
  }
}

class GatheredScript {
  readonly #client: Client;
  readonly #name: string;
  readonly #gatheredName: string;
  /** `null`: called one by one. */
  #script: KeptScript | null;
  #calls: Call[] = [];

  constructor(client: Client, name: string) {
    this.#client = client;
    this.#name = name;
    this.#gatheredName = `${name}:gathered`;
    this.#script = keptScript(client, name);
    if (this.#script !== null) defineGathered(client, this.#gatheredName, this.#script);
  }

  call(values: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#calls.length === 0) setImmediate(() => this.#send());
      this.#calls.push({ values, resolve, reject });
    });
  }

  #send(): void {
    const calls = this.#calls;
    this.#calls = [];
    for (let from = 0; from < calls.length; from += MAX_CALLS) {
      void this.#sendTogether(calls.slice(from, from + MAX_CALLS));
    }
  }

  async #sendTogether(calls: readonly Call[]): Promise<void> {
    const script = this.#script;
    if (script === null || calls.length === 1) return this.#sendEach(calls);
    let results: unknown;
    try {
      results = await this.#client.runCommand(this.#gatheredName, gatheredValues(calls, script.numberOfKeys));
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("Error compiling script"))) {
        for (const { reject } of calls) reject(error);
        return;
      }
      // Nothing of it was run.
      this.#script = null;
      return this.#sendEach(calls);
    }
    for (const [index, { resolve, reject }] of calls.entries()) {
      const answers = results as readonly unknown[];
      const result = answers[Math.min(index, answers.length - 1)];
      if (result instanceof Error) reject(result);
      else resolve(result);
    }
  }

  #sendEach(calls: readonly Call[]): void {
    for (const { values, resolve, reject } of calls) {
      this.#client.runCommand(this.#name, [...values]).then(resolve, reject);
    }
  }
}

/** A pipeline or a transaction keeps its own order. */
function isConnection(client: Parameters<RedisQueueBackend["execCommand"]>[0]): client is Client {
  return "defineCommand" in client;
}

function keptScript(client: Client, name: string): KeptScript | null {
  const { scriptsSet } = client as { scriptsSet?: Readonly<Record<string, Partial<KeptScript>>> };
  const { lua, numberOfKeys } = scriptsSet?.[name] ?? {};
  return typeof lua === "string" && typeof numberOfKeys === "number" ? { lua, numberOfKeys } : null;
}

function defineGathered(client: Client, name: string, { lua, numberOfKeys }: KeptScript): void {
  if (name in client) return;
  (client as unknown as { defineCommand(name: string, definition: { lua: string }): void }).defineCommand(
    name,
    {
      lua: `local function one(KEYS, ARGV)
${lua}
end
local at = 0
local function word()
  at = at + 1
  return ARGV[at]
end
local function positions()
  local list = {}
  for index = 1, tonumber(word()) do list[index] = tonumber(word()) end
  return list
end
local calls, otherKeys, otherArgs = tonumber(word()), positions(), positions()
local keys, args, nextKey, results = {}, {}, ${numberOfKeys}, {}
for index = 1, ${numberOfKeys} do keys[index] = KEYS[index] end
for index = 1, tonumber(word()) do args[index] = word() end
for call = 1, calls do
  for index = 1, #otherKeys do
    nextKey = nextKey + 1
    keys[otherKeys[index]] = KEYS[nextKey]
  end
  for index = 1, #otherArgs do args[otherArgs[index]] = word() end
  local done, result = pcall(one, keys, args)
  if not done then
    result = { err = type(result) == 'table' and result.err or tostring(result) }
  end
  -- A list ends at the first nil.
  if result == nil then result = false end
  results[call] = result
  ${untilEmpty.test(name) ? "if type(result) == 'table' and result[1] == 0 then break end" : ""}
end
return results`,
    },
  );
}

/** The values of the first call, then of each call those that are not the same in all. */
function gatheredValues(calls: readonly Call[], numberOfKeys: number): unknown[] {
  const first = calls[0]?.values ?? [];
  const otherKeys: number[] = [];
  const otherArgs: number[] = [];
  for (const [position, value] of first.entries()) {
    if (calls.every(({ values }) => isSame(values[position], value))) continue;
    if (position < numberOfKeys) otherKeys.push(position);
    else otherArgs.push(position);
  }
  const keys = first.slice(0, numberOfKeys);
  const args = [
    calls.length,
    otherKeys.length,
    ...otherKeys.map((position) => position + 1),
    otherArgs.length,
    ...otherArgs.map((position) => position - numberOfKeys + 1),
    first.length - numberOfKeys,
    ...first.slice(numberOfKeys),
  ];
  for (const { values } of calls) {
    for (const position of otherKeys) keys.push(values[position]);
    for (const position of otherArgs) args.push(values[position]);
  }
  return [keys.length, ...keys, ...args];
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || (one instanceof Buffer && other instanceof Buffer && one.equals(other));
}
