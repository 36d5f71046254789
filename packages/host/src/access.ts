import {
  type AccessDecision,
  ApiKeyRing,
  type ApiKeyScope,
  ApiKeysError,
  authorizeRequest,
  openApiKeysFile,
  parseApiKeys,
  type ReadHeader,
} from "@es/api-keys";
import { isTenantId, parseTenantId } from "@es/core";
import { z } from "zod";
import { ConfigurationError } from "./configurationError.js";
import { variable } from "./environment.js";
import type { ReadinessCheck } from "./health.js";
import type { Logger } from "./logger.js";
import { isLoopbackHost, isSentToLoopback } from "./loopback.js";

/** Who may use an app, and as which tenant. */
export const accessVariables = {
  /** The tenant of every request; only without API keys. */
  TENANT_ID: z
    .string()
    .default("default")
    .refine(isTenantId, { error: "expected at most 256 characters, and no control characters" }),
  /** A file of API keys, read again whenever it changes. */
  API_KEYS_FILE: z.string().optional(),
  /** The same as a value. */
  API_KEYS: z.string().optional(),
  /** Whether to listen beyond this machine without API keys. */
  ALLOW_ANONYMOUS: variable.flag(false),
};

export interface AccessConfig {
  readonly TENANT_ID: string;
  readonly API_KEYS_FILE?: string | undefined;
  readonly API_KEYS?: string | undefined;
  readonly ALLOW_ANONYMOUS: boolean;
}

export interface Access {
  /** Whether requests need an API key. Without, every request is of the one tenant. */
  readonly needsKey: boolean;
  authorize(header: ReadHeader, scope: ApiKeyScope): AccessDecision;
  /** For `/readyz`: how many keys there are, and whether their file can be used. Empty without keys. */
  readonly readiness: Readonly<Record<string, ReadinessCheck>>;
  close(): Promise<void>;
}

export interface OpenAccessOptions {
  readonly logger: Logger;
  /** Where the app will listen, by the variable that says so, such as `{ INGEST_HOST: "127.0.0.1" }`. */
  readonly hosts: Readonly<Record<string, string>>;
}

/**
 * Reads the API keys. Those of a file are read again when it changes and on SIGHUP; while it is broken the keys from before
 * stay, and the log says why.
 *
 * @throws ConfigurationError for keys that are not valid, and when an app without keys would listen beyond this machine
 */
export async function openAccess(config: AccessConfig, options: OpenAccessOptions): Promise<Access> {
  const { logger, hosts } = options;
  const { API_KEYS_FILE: path, API_KEYS: text } = config;
  if (path !== undefined && text !== undefined)
    throw new ConfigurationError("API_KEYS_FILE and API_KEYS are both set; choose one.");
  if (path !== undefined) return openFile(path, logger);
  if (text !== undefined) return withRing(ringOf(text));
  const open = Object.entries(hosts).find(([, host]) => !isLoopbackHost(host));
  if (open !== undefined && !config.ALLOW_ANONYMOUS) {
    const [name, host] = open;
    throw new ConfigurationError(
      `${name} is ${JSON.stringify(host)}, which may be reached from beyond this machine, and there are no API keys: ` +
        "anybody could write and read. Set API_KEYS_FILE or API_KEYS, or ALLOW_ANONYMOUS=true if something else keeps others out.",
    );
  }
  const granted: AccessDecision = { granted: true, tenantId: parseTenantId(config.TENANT_ID) };
  return {
    needsKey: false,
    // Only of reads: a page that could send would learn nothing, and clients in containers send to names of this machine.
    authorize: (header, scope) =>
      scope === "ingest" || config.ALLOW_ANONYMOUS || isSentToLoopback(header("host"))
        ? granted
        : sentElsewhere,
    readiness: {},
    close: async () => {},
  };
}

/** What a web page sends whose name was made to resolve to this machine. */
const sentElsewhere: AccessDecision = {
  granted: false,
  status: 403,
  message:
    "Without API keys traces are read at 127.0.0.1, [::1] and localhost only. Set API_KEYS_FILE or API_KEYS, or " +
    "ALLOW_ANONYMOUS=true if something else keeps others out.",
  challenge: 'Bearer realm="es"',
};

async function openFile(path: string, logger: Logger): Promise<Access> {
  const file = await openApiKeysFile(path, {
    onReload: ({ size }) => {
      if (size === 0) logger.warn({ path }, "The file of API keys has no key: all requests are refused");
      else logger.info({ keys: size }, "Took over changed API keys");
    },
    onError: (error) =>
      logger.error({ error }, "The changed API keys cannot be used; those from before stay valid"),
  }).catch((error: unknown) => {
    throw error instanceof ApiKeysError ? new ConfigurationError(error.message) : error;
  });
  const reload = () => void file.reload();
  process.on("SIGHUP", reload);
  return {
    needsKey: true,
    authorize: (header, scope) => authorizeRequest(file.ring(), header, scope),
    readiness: { apiKeys: async () => noteOf(file.ring(), file.problem()) },
    async close() {
      process.off("SIGHUP", reload);
      await file.close();
    },
  };
}

function ringOf(text: string): ApiKeyRing {
  try {
    return new ApiKeyRing(parseApiKeys(text));
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    throw new ConfigurationError(`API_KEYS is not valid: ${error.message}.`);
  }
}

function withRing(ring: ApiKeyRing): Access {
  return {
    needsKey: true,
    authorize: (header, scope) => authorizeRequest(ring, header, scope),
    readiness: { apiKeys: async () => noteOf(ring) },
    close: async () => {},
  };
}

/** An app with old keys, or none, still does its work: it stays ready, and says what an operator must know. */
function noteOf({ size }: ApiKeyRing, problem?: ApiKeysError): string | undefined {
  if (problem !== undefined)
    return `${problem.message} Revoked keys still work: the ${countOf(size)} from before stay in use.`;
  return size === 0 ? "there are no API keys: all requests are refused" : undefined;
}

function countOf(size: number): string {
  return size === 1 ? "1 key" : `${size} keys`;
}
