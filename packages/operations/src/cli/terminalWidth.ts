/** Where the output is no terminal, nothing is lost by long lines. */
const WIDTH_WITHOUT_TERMINAL = 240;

export function terminalWidth(): number {
  return process.stdout.columns ?? WIDTH_WITHOUT_TERMINAL;
}
