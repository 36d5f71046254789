export {
  type SessionEvent,
  type SessionEventData,
  type SessionTrace,
  sessionEventsOf,
  sessionIdsOf,
} from "./sessionEvent.js";
export { defaultSessionLimits, type SessionLimits } from "./sessionLimits.js";
export {
  type SessionCost,
  type SessionProjection,
  type SessionProjectionJson,
  sessionProjectionToJson,
} from "./sessionProjection.js";
export {
  SessionProjectionEventHandler,
  type SessionProjectionOptions,
} from "./sessionProjectionEventHandler.js";
