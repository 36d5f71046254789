/** Whether only this machine reaches a server that listens there. @param host a name or an address, without port */
export function isLoopbackHost(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}
