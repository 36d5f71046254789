import { exactMoney, type Money, zeroMoney } from "../cost/money.js";
import { candidateOf, type ExplainedTrace, type FoundValue } from "./explainField.js";
import type { ExplainedSum, LosingReason, SumPart } from "./traceExplanation.js";

export interface FoundPart {
  readonly found: FoundValue;
  /** Decimals. */
  readonly own: string;
  readonly counted: string;
  /** Whether it may be the one the field's provenance names. */
  readonly isFirst: boolean;
  readonly reason?: LosingReason;
  readonly by?: () => readonly string[];
}

/** What a sum is made of: the first parts are written down, the others added up. */
export class SumParts {
  readonly #of: ExplainedTrace;
  readonly #parts: SumPart[] = [];
  #more = 0;
  #moreCounted: Money = zeroMoney;
  #total: Money = zeroMoney;
  #first: FoundValue | undefined;

  constructor(of: ExplainedTrace) {
    this.#of = of;
  }

  add({ found, own, counted, isFirst, reason, by }: FoundPart): void {
    if (isFirst) this.#first ??= found;
    this.#total = this.#total.plus(exactMoney(counted));
    if (this.#parts.length >= this.#of.candidates) {
      this.#more++;
      this.#moreCounted = this.#moreCounted.plus(exactMoney(counted));
      return;
    }
    const others = by?.() ?? [];
    this.#parts.push({
      ...candidateOf(this.#of, found),
      own,
      counted,
      ...(reason === undefined ? {} : { reason }),
      ...(others.length === 0 ? {} : { by: others }),
    });
  }

  get first(): FoundValue | undefined {
    return this.#first;
  }

  /** @param value the field's, which the parts add up to but for the remainder */
  sum(value: string): ExplainedSum {
    return {
      parts: this.#parts,
      moreParts: this.#more,
      moreCounted: this.#moreCounted.toFixed(),
      remainder: exactMoney(value).minus(this.#total).toFixed(),
    };
  }
}
