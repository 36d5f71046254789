import type { TenantId } from "@es/core";
import type { OtlpSpan, Resource, Scope, SpanEncoder } from "@es/otlp";
import { type EncodedRows, NativeBytes } from "@es/store-clickhouse";
import { PlainJsonSpanWriter } from "./plainJsonSpan.js";
import { PlainSpanWriter } from "./plainSpan.js";
import { SpanBlock } from "./spanBlock.js";
import { SpanGroup } from "./spanGroup.js";

/** Bytes of a block; its last span may pass them. */
const MAX_BLOCK_BYTES = 4 * 2 ** 20;
/** Measuring a block costs as much as writing a small column. */
const SPANS_PER_MEASUREMENT = 16;
/** A block of rows that repeat so much of their resource is measured after each. */
const LARGE_ROW_BYTES = 2 ** 16;
const MAX_FREE_BLOCKS = 4;
const MAX_FREE_BYTES = 2 * MAX_BLOCK_BYTES;
/** Sealed blocks wait for ClickHouse; those that are filled do not. */
const MAX_FREE_SEALED = 8;

/** A block that may take spans of other requests, and one that takes them. */
const MAX_SHARING_BYTES = 2 ** 17;
const MAX_SHARED_BYTES = 2 ** 20;

/** Blocks to be filled again: their columns have the room that requests of this sender need. */
export class SpanBlockPool {
  readonly #free: SpanBlock[] = [];
  readonly #freeSealed: NativeBytes[] = [];
  readonly #freeWriters: Writers[] = [];

  take(): SpanBlock {
    return this.#free.pop() ?? new SpanBlock();
  }

  give(block: SpanBlock): void {
    if (this.#free.length >= MAX_FREE_BLOCKS || block.capacity > MAX_FREE_BYTES) return;
    block.clear();
    this.#free.push(block);
  }

  takeWriters(): Writers {
    return this.#freeWriters.pop() ?? { protobuf: new PlainSpanWriter(), json: new PlainJsonSpanWriter() };
  }

  giveWriters(writers: Writers): void {
    writers.protobuf.end();
    writers.json.end();
    const capacity = writers.protobuf.capacity + writers.json.capacity;
    if (this.#freeWriters.length >= MAX_FREE_BLOCKS || capacity > MAX_FREE_BYTES) return;
    this.#freeWriters.push(writers);
  }

  /** Empty, for a block to be sealed into. */
  takeSealed(): NativeBytes {
    return this.#freeSealed.pop() ?? new NativeBytes(0);
  }

  giveSealed(sealed: NativeBytes): void {
    if (this.#freeSealed.length >= MAX_FREE_SEALED || sealed.bytes.length > MAX_FREE_BYTES) return;
    sealed.length = 0;
    this.#freeSealed.push(sealed);
  }
}

interface Writers {
  readonly protobuf: PlainSpanWriter;
  readonly json: PlainJsonSpanWriter;
}

/** Spans as rows of the span table, but for their tenant and their accepted stamps. To be sealed once. */
export class EncodedSpans {
  readonly #blocks: readonly SpanBlock[];
  readonly #pool: SpanBlockPool;
  readonly #sealed: NativeBytes[] = [];
  readonly count: number;
  /** Distinct. */
  readonly traceIds: readonly string[];

  constructor(blocks: readonly SpanBlock[], traceIds: readonly string[], pool: SpanBlockPool) {
    this.#blocks = blocks;
    this.#pool = pool;
    this.count = blocks.reduce((sum, { rows }) => sum + rows, 0);
    this.traceIds = traceIds;
  }

  /** @param stamp the accepted time of each span in turn */
  seal(tenantId: TenantId, stamp: () => bigint): readonly EncodedRows[] {
    const [only] = this.#blocks;
    if (this.#blocks.length === 1 && only !== undefined) return [this.#sealBlock(only, tenantId, stamp)];
    return this.#blocks.map((block) => {
      const stamps = Array.from({ length: block.rows }, stamp).values();
      return new LateRows(block, () => this.#sealBlock(block, tenantId, () => stamps.next().value as bigint));
    });
  }

  /** {@link seal}, of few spans: others may join them until the bytes are asked for. Undefined where they are many. */
  share(tenantId: TenantId, stamp: () => bigint): SharedRows | undefined {
    const block = this.#small();
    return block && new SharedRows(block, () => this.#sealBlock(block, tenantId, stamp));
  }

  /** Whether the rows took these spans as well. */
  join(shared: SharedRows): boolean {
    const block = this.#small();
    if (block === undefined || !shared.take(block)) return false;
    this.#pool.give(block);
    return true;
  }

  #small(): SpanBlock | undefined {
    const [block] = this.#blocks;
    return this.#blocks.length === 1 && block !== undefined && block.byteLength <= MAX_SHARING_BYTES
      ? block
      : undefined;
  }

  #sealBlock(block: SpanBlock, tenantId: TenantId, stamp: () => bigint): EncodedRows {
    const sealed = this.#pool.takeSealed();
    this.#sealed.push(sealed);
    const rows = block.seal(tenantId, stamp, sealed);
    this.#pool.give(block);
    return rows;
  }

  /**
   * To be called once nobody reads the bytes that {@link seal} gave any more: they are used again. Fresh ones for each request
   * would make the garbage collector look through the whole heap every few requests.
   */
  free(): void {
    for (const sealed of this.#sealed.splice(0)) this.#pool.giveSealed(sealed);
  }
}

/** Rows that are sealed when they are sent: of a large request few blocks are in memory twice at a time. */
class LateRows implements EncodedRows {
  readonly format = "Native";
  readonly byteLength: number;
  readonly rows: number;
  readonly #seal: () => EncodedRows;
  #sealed: EncodedRows | undefined;

  constructor({ byteLength, rows }: SpanBlock, seal: () => EncodedRows) {
    this.byteLength = byteLength;
    this.rows = rows;
    this.#seal = seal;
  }

  get bytes(): Uint8Array {
    this.#sealed ??= this.#seal();
    return this.#sealed.bytes;
  }
}

/** Rows of several requests of one tenant, as long as their bytes were not asked for. */
export class SharedRows implements EncodedRows {
  readonly format = "Native";
  /** Of the first request. */
  readonly byteLength: number;
  readonly rows: number;
  readonly #block: SpanBlock;
  readonly #seal: () => EncodedRows;
  #sealed: EncodedRows | undefined;

  constructor(block: SpanBlock, seal: () => EncodedRows) {
    this.byteLength = block.byteLength;
    this.rows = block.rows;
    this.#block = block;
    this.#seal = seal;
  }

  get bytes(): Uint8Array {
    this.#sealed ??= this.#seal();
    return this.#sealed.bytes;
  }

  take(block: SpanBlock): boolean {
    if (this.#sealed !== undefined || this.#block.byteLength > MAX_SHARED_BYTES) return false;
    this.#block.append(block);
    return true;
  }
}

/** Makes rows of spans from the bytes of a request. */
export class SpanBlockEncoder implements SpanEncoder<EncodedSpans> {
  readonly #pool: SpanBlockPool;
  readonly #takes: (resource: Resource) => boolean;
  readonly #writers: Writers;
  readonly #full: SpanBlock[] = [];
  readonly #traceIds = new Set<string>();
  #block: SpanBlock;
  /** What is to be encoded is of these. */
  #of: { readonly resource: Resource; readonly scope: Scope } | undefined;
  #group: SpanGroup | undefined;

  /** @param takes whether spans of a resource are to be encoded, or left to be decoded */
  constructor(pool: SpanBlockPool, takes: (resource: Resource) => boolean) {
    this.#pool = pool;
    this.#takes = takes;
    this.#block = pool.take();
    this.#writers = pool.takeWriters();
  }

  startGroup(resource: Resource, scope: Scope): boolean {
    const takes = this.#takes(resource);
    this.#of = takes ? { resource, scope } : undefined;
    // Made of the first span: a request may hold millions of groups without any.
    this.#group = undefined;
    return takes;
  }

  addEncoded(request: Uint8Array, start: number, end: number, maxItems: number): number {
    this.#writers.protobuf.begin(request);
    return this.#add(this.#writers.protobuf, start, end, maxItems);
  }

  addEncodedJson(request: Uint8Array, start: number, end: number, maxItems: number): number {
    this.#writers.json.begin(request);
    return this.#add(this.#writers.json, start, end, maxItems);
  }

  *openGroup(): Generator<void, number, void> {
    if (this.#of === undefined) return 0;
    this.#group ??= yield* SpanGroup.inSteps(this.#of.resource, this.#of.scope);
    // Every block has to learn the keys.
    yield* this.#group.enter(this.#block);
    return this.#group.rowBytes;
  }

  #add(writer: PlainSpanWriter | PlainJsonSpanWriter, start: number, end: number, maxItems: number): number {
    if (this.#of === undefined) return -1;
    this.#group ??= SpanGroup.of(this.#of.resource, this.#of.scope);
    const group = this.#group;
    const block = this.#block;
    const items = writer.write(block, group, start, end, maxItems);
    if (items < 0) return items;
    this.#added(block, group);
    return items;
  }

  addSpan(span: OtlpSpan): void {
    const group = this.#groupOf(span);
    this.#block.addSpan(span, group);
    this.#added(this.#block, group);
  }

  *addLargeSpan(span: OtlpSpan): Generator<void, void, void> {
    const group = this.#groupOf(span);
    yield* this.#block.addLargeSpan(span, group);
    this.#added(this.#block, group);
  }

  #groupOf({ resource, scope }: OtlpSpan): SpanGroup {
    if (resource !== this.#of?.resource || scope !== this.#of.scope) return SpanGroup.of(resource, scope);
    this.#group ??= SpanGroup.of(resource, scope);
    return this.#group;
  }

  finish(): EncodedSpans | undefined {
    this.#pool.giveWriters(this.#writers);
    const blocks = this.#block.rows === 0 ? this.#full : [...this.#full, this.#block];
    if (this.#block.rows === 0) this.#pool.give(this.#block);
    return blocks.length === 0 ? undefined : new EncodedSpans(blocks, [...this.#traceIds], this.#pool);
  }

  #added(block: SpanBlock, { rowBytes }: SpanGroup): void {
    if (block.traceIsNew()) this.#traceIds.add(block.lastTraceId());
    if (block.rows % SPANS_PER_MEASUREMENT !== 0 && rowBytes < LARGE_ROW_BYTES) return;
    if (block.byteLength < MAX_BLOCK_BYTES) return;
    this.#full.push(block);
    this.#block = this.#pool.take();
  }
}
