import { Decimal } from "decimal.js";

/** Wide enough that sums and products of token counts and rates are exact. */
const Exact = Decimal.clone({ precision: 200, toExpNeg: -40, toExpPos: 40 });

export type Money = Decimal;

export const zeroMoney: Money = new Exact(0);

/** More than anybody reports in earnest; it would not fit the column it is kept in. */
const LIMIT = new Exact("1e20");

/** From a decimal that is known to be one. */
export function exactMoney(value: string): Money {
  return new Exact(value);
}

/** From a decimal string or a double, taken as the shortest decimal that means it; undefined if negative or no number. */
export function money(value: string | number | bigint): Money | undefined {
  try {
    const amount = new Exact(typeof value === "bigint" ? String(value) : value);
    return amount.isFinite() && !amount.isNegative() && amount.lt(LIMIT)
      ? amount
      : amount.isZero()
        ? zeroMoney
        : undefined;
  } catch {
    return undefined;
  }
}

/** Rounded half up to the picodollar; plain decimal without exponent or trailing zeros. */
export function moneyToString(amount: Money): string {
  return amount.toDecimalPlaces(12, Decimal.ROUND_HALF_UP).toFixed();
}
