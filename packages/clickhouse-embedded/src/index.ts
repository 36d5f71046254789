export { type ClickHouseOptions, type RunningClickHouse, startClickHouse } from "./startClickHouse.js";
export { StartError, type StartErrorCode } from "./startError.js";
