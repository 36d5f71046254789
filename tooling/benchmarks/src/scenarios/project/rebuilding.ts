/** Where a program that rebuilds traces works. */
export interface RebuildPlace {
  readonly clickhouseUrl: string;
  readonly database: string;
  readonly redisUrl: string;
  readonly prefix: string;
}
