/** Whether only this machine reaches a server that listens there. @param host a name or an address, without port */
export function isLoopbackHost(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

/**
 * Whether a request was sent to a name or address of this machine's own. A web page can make its own name resolve to a
 * loopback address, so that the browser takes what answers there for the page's own; its name still stands in `Host`.
 */
export function isSentToLoopback(hostHeader: string | undefined): boolean {
  return hostHeader !== undefined && isLoopbackHost(hostHeader.replace(/:\d+$/, ""));
}
