import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { ClickHouseError } from "./clickHouseError.js";

/** Whether the address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/**
 * Without a password, anything that can make a browser on this machine send a request could run statements. A page's request
 * gives itself away by its Origin, or, when its own name was pointed at this address, by its Host.
 * Programs are not affected: they send no Origin, and the address they dial is an IP, `localhost`, or listed.
 */
export function isBrowserAttack(request: IncomingMessage, allowedHosts: readonly string[]): boolean {
  const trusted = (host: string) => {
    const name = host
      .replace(/:\d+$/, "")
      .replace(/^\[(.*)\]$/, "$1")
      .toLowerCase();
    return (
      isIP(name) !== 0 || name === "localhost" || name.endsWith(".localhost") || allowedHosts.includes(name)
    );
  };
  const { host, origin } = request.headers;
  if (host !== undefined && !trusted(host)) return true;
  const site = request.headers["sec-fetch-site"];
  if (site === "cross-site") return true;
  if (origin === undefined) return false;
  const name = /^https?:\/\/(.+)$/.exec(origin)?.[1];
  if (name === undefined) return true;
  // An IP is no proof for an Origin: that page came from there.
  const hostname = name.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return !(isLoopback(hostname) || hostname.endsWith(".localhost") || allowedHosts.includes(hostname));
}

/** The account this server knows. Without a password, only the empty one is right, as ClickHouse has it. */
export interface Account {
  readonly username: string;
  readonly password: string;
}

/** The accounts this server knows. */
export interface Accounts {
  readonly full: Account;
  /** Has the same username and a password of its own. */
  readonly readOnly: Account | undefined;
}

/**
 * Checks what a request says of its sender: `X-ClickHouse-User`/`-Key`, Basic, or the `user` and `password` URL parameters.
 * @returns which account it is
 * @throws {ClickHouseError} 516
 */
export function authenticate(
  request: IncomingMessage,
  url: URLSearchParams,
  { full, readOnly }: Accounts,
): "full" | "readOnly" {
  const given = credentials(request, url);
  const is = (account: Account) =>
    [sameText(given.username, account.username), sameText(given.password, account.password)].every(Boolean);
  if (is(full)) return "full";
  if (readOnly !== undefined && is(readOnly)) return "readOnly";
  throw new ClickHouseError(
    516,
    "AUTHENTICATION_FAILED",
    `${given.username}: Authentication failed: password is incorrect, or there is no user with such name.`,
  );
}

function credentials(request: IncomingMessage, url: URLSearchParams): Account {
  const headers = request.headers;
  const user = headers["x-clickhouse-user"];
  const key = headers["x-clickhouse-key"];
  if (user !== undefined || key !== undefined) {
    return { username: String(user ?? "default"), password: String(key ?? "") };
  }
  const [scheme, value = ""] = (headers.authorization ?? "").split(/ +/, 2);
  if (scheme?.toLowerCase() === "basic") {
    const pair = Buffer.from(value, "base64").toString("utf8");
    const colon = pair.indexOf(":");
    return colon === -1
      ? { username: pair || "default", password: "" }
      : { username: pair.slice(0, colon) || "default", password: pair.slice(colon + 1) };
  }
  if (scheme) {
    throw new ClickHouseError(
      516,
      "AUTHENTICATION_FAILED",
      `Authentication failed: the scheme '${scheme}' is not supported by this server; use Basic.`,
    );
  }
  return { username: url.get("user") || "default", password: url.get("password") ?? "" };
}

function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
