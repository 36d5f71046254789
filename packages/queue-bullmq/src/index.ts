export { LeasesRedis, type LeasesRedisOptions } from "./leasesRedis.js";
export { ProjectionQueueBullMQ, type ProjectionQueueBullMQOptions } from "./projectionQueueBullMQ.js";
export { ProjectionWorkerBullMQ, type ProjectionWorkerBullMQOptions } from "./projectionWorkerBullMQ.js";
export type { ErrorListener } from "./queueErrors.js";
export type { RedisClientOptions, RedisConnection } from "./redisConnection.js";
