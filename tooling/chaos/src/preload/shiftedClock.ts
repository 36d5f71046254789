// Loaded before an app (`node --import`): its wall clock is off by CHAOS_CLOCK_SHIFT_MS. Its timers are not, as they
// would not be on a machine whose clock is wrong.
const shiftMs = Number(process.env.CHAOS_CLOCK_SHIFT_MS ?? 0);

if (shiftMs !== 0) {
  const TrueDate = Date;
  const now = () => TrueDate.now() + shiftMs;
  const ShiftedDate = new Proxy(TrueDate, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: () => new TrueDate(now()).toString(),
    get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
  });
  globalThis.Date = ShiftedDate;
  process.stderr.write(`The clock is off by ${shiftMs} ms\n`);
}
