const PLACES = 12;

/**
 * Whole picodollars of a plain decimal, as trace projections hold costs.
 *
 * @throws TypeError for anything else
 */
export function toPicodollars(amount: string): bigint {
  const match = /^(\d+)(?:\.(\d{1,12}))?$/.exec(amount);
  if (match === null) throw new TypeError(`${JSON.stringify(amount)} is no cost.`);
  return BigInt(`${match[1]}${(match[2] ?? "").padEnd(PLACES, "0")}`);
}

/** A plain decimal without trailing zeros. */
export function fromPicodollars(picodollars: bigint): string {
  const digits = String(picodollars).padStart(PLACES + 1, "0");
  const fraction = digits.slice(-PLACES).replace(/0+$/, "");
  return fraction === "" ? digits.slice(0, -PLACES) : `${digits.slice(0, -PLACES)}.${fraction}`;
}
