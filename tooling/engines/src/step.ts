/** Tells of one step of a longer work: that it goes on, and how long it took. */
export type Step = <T>(label: string, work: () => Promise<T>) => Promise<T>;
