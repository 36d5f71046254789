import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { CliError, exitCodes } from "./cliError.js";

const DEFAULT_URL = "http://127.0.0.1:4319";

export interface OperationsClientOptions {
  /** @default "http://127.0.0.1:4319" */
  readonly url?: string | undefined;
  readonly token?: string | undefined;
}

/** Calls the operations API. Every failure is a `CliError` on one line. */
export class OperationsClient {
  readonly #url: string;
  readonly #token: string | undefined;

  /** @throws CliError if the url is none */
  constructor({ url, token }: OperationsClientOptions) {
    this.#url = (url || DEFAULT_URL).replace(/\/+$/, "");
    this.#token = token || undefined;
    if (!/^https?:\/\//.test(this.#url) || !URL.canParse(this.#url)) {
      throw new CliError(
        exitCodes.usage,
        `OPERATIONS_URL is ${JSON.stringify(url)}: expected a URL such as ${DEFAULT_URL}`,
      );
    }
  }

  /** @param path below `/operations/`, its parts already encoded */
  get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T> {
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
    return this.#call<T>("GET", `${path}${search}`);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#call<T>("POST", path, JSON.stringify(body));
  }

  /** Gives the answer line by line, each as soon as it is there. @throws CliError also if the answer breaks off */
  async *postForLines<T>(path: string, body: unknown): AsyncGenerator<T> {
    const response = await this.#send("POST", path, JSON.stringify(body));
    if (!isSuccess(response)) throw this.#failure(response, parse(await textOf(response)));
    let rest = "";
    try {
      for await (const chunk of response.setEncoding("utf8")) {
        const lines = `${rest}${chunk}`.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) yield JSON.parse(line) as T;
      }
    } catch (error) {
      throw new CliError(exitCodes.unreachable, `${this.#url} broke off (${reasonOf(error)})`, {
        cause: error,
      });
    }
  }

  async #call<T>(method: string, path: string, body?: string): Promise<T> {
    const response = await this.#send(method, path, body);
    const answer = parse(await textOf(response));
    if (isSuccess(response) && answer !== undefined) return answer as T;
    throw this.#failure(response, answer);
  }

  #failure({ statusCode }: IncomingMessage, answer: unknown): CliError {
    if (isProblem(answer)) {
      return new CliError(
        statusCode === 401 ? exitCodes.unreachable : exitCodes.failed,
        statusCode === 401
          ? `${this.#url} refuses the token: ${this.#token === undefined ? "set OPERATIONS_TOKEN" : answer.error.message}`
          : answer.error.message,
      );
    }
    return new CliError(
      exitCodes.unreachable,
      `${this.#url} answered ${statusCode}, and not as a worker does: is OPERATIONS_URL right?`,
    );
  }

  /** Not `fetch`, which gives up after five minutes without an answer: to compare all traces may take longer. */
  #send(method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
    const url = new URL(`${this.#url}/operations/${path}`);
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const headers = {
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = send(url, { method, headers, agent: false }, resolve);
      outgoing.on("error", (error) =>
        reject(
          new CliError(
            exitCodes.unreachable,
            `${this.#url} does not answer (${reasonOf(error)}): start a worker or standalone, or set OPERATIONS_URL`,
            { cause: error },
          ),
        ),
      );
      outgoing.end(body);
    });
  }
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Of an answer that is cut it is "", which is no answer of ours. */
function textOf(response: IncomingMessage): Promise<string> {
  return text(response).catch(() => "");
}

interface Problem {
  readonly error: { readonly message: string };
}

function isProblem(answer: unknown): answer is Problem {
  if (typeof answer !== "object" || answer === null || !("error" in answer)) return false;
  const { error } = answer;
  return (
    typeof error === "object" && error !== null && "message" in error && typeof error.message === "string"
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
