// The shape of a scenario, and what applications do with SDKs that many scenarios share.

/**
 * @typedef {object} Context
 * @property {string} modelUrl the fake model endpoint
 * @property {string} otlpUrl where spans go
 * @property {string} question what the person asks
 * @property {NodeRequire} require of the SDK's folder
 *
 * @typedef {object} Scenario
 * @property {string} title
 * @property {keyof typeof import("./endpoint/scripts.mjs").scripts} script
 * @property {string} [sdk] the package that makes the spans, where it is another than its neighbours'
 * @property {string[]} [with] the packages it watches
 * @property {object} [truth] what the scenario itself sets: user, session, cost
 * @property {string[]} [kinds] the spans the SDK makes besides those of model calls
 * @property {(context: Context) => Promise<() => Promise<unknown>> | (() => Promise<unknown>)} [start] gives what ends it
 * @property {(context: Context) => Promise<unknown>} use
 */

/**
 * @param {{ sdk: string, require: NodeRequire, start: Scenario["start"], with?: string[], truth?: object }} shared
 * @param {Record<string, Scenario>} scenarios
 */
export function scenariosOf(shared, scenarios) {
  return Object.fromEntries(
    Object.entries(scenarios).map(([name, scenario]) => {
      const { start, use, ...about } = { ...shared, ...scenario };
      const run = async (given) => {
        const context = { ...given, require: shared.require };
        const stop = await start(context);
        try {
          await use(context);
        } catch (error) {
          // As a server would: what failed is answered, and the process goes on.
          if (scenario.script !== "error") throw error;
        }
        // Watchers may end their spans a moment after the call that they watch.
        await new Promise((resolve) => setTimeout(resolve, 20));
        await stop();
      };
      return [name, { ...about, run }];
    }),
  );
}

/** Reads a stream to its end. */
export async function drain(stream) {
  for await (const _ of stream);
}

/** Below one span of the application's own, for calls that would each be a trace. */
export function inOneTrace(use) {
  return (context) => {
    const { SpanStatusCode, trace } = context.require("@opentelemetry/api");
    return trace.getTracer("app").startActiveSpan("answer", async (span) => {
      try {
        return await use(context);
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
        throw error;
      } finally {
        span.end();
      }
    });
  };
}
