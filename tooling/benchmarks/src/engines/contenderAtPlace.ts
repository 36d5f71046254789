import type { TestEngines } from "@es/tooling-engines";
import type { Contender, Role, Round } from "../harness/comparison.js";
import { type Place, takePlace } from "./place.js";

/** Called in reverse order, also when opening failed half-way. */
export type Closers = (() => Promise<void>)[];

export interface ContenderAtPlace<TOpened> {
  readonly name: string;
  readonly role: Role;
  readonly engines: TestEngines;
  /** Opens what the rounds work with. What has to be closed is pushed as soon as it is open. */
  open(place: Place, closers: Closers): Promise<TOpened>;
  /** Before each round; not measured. */
  prepare(place: Place, opened: TOpened): Promise<void>;
  round(place: Place, opened: TOpened): Promise<Round>;
}

/** A contender with a database and a part of Redis of its own. */
export function contenderAtPlace<TOpened>(definition: ContenderAtPlace<TOpened>): Contender {
  const { name, role, engines } = definition;
  const closers: Closers = [];
  let state: { readonly place: Place; readonly opened: TOpened } | undefined;
  const current = () => {
    if (state === undefined) throw new Error(`${name} is not open.`);
    return state;
  };
  return {
    name,
    role,
    async open() {
      const place = takePlace(engines);
      closers.push(() => place.close());
      state = { place, opened: await definition.open(place, closers) };
    },
    prepare: () => definition.prepare(current().place, current().opened),
    round: () => definition.round(current().place, current().opened),
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}
