export { type OperationsAccess, operationsTokenVariable } from "./access/operationsGuard.js";
export { formatTable, type TableOptions } from "./cli/table.js";
export {
  createOperationsRoutes,
  type OperationsDependencies,
  type OperationsOptions,
  type ProjectionOperations,
} from "./routes/createOperationsRoutes.js";
export type { ReconcileNow } from "./routes/reconcileRoutes.js";
export type { ReplayDetailsJson, ReplayJson, ReplayOperations } from "./routes/replayRoutes.js";
