import type { AttributeValue, Resource, Scope } from "@es/otlp";
import { type LowCardinalityColumn, MapColumn, NativeBytes } from "@es/store-clickhouse";
import { attributeToText } from "@es/trace-projection";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { splitAttributes } from "../columns/exactValue.js";
import { exactGroup, membersOf } from "../columns/spanRow.js";
import { LargeSpanWriter, type WritingSteps } from "./largeSpan.js";

/** The columns of a block that a group writes. */
export interface GroupColumns {
  readonly serviceNames: LowCardinalityColumn;
  readonly resources: MapColumn;
  readonly scopeNames: NativeBytes;
  readonly scopeVersions: NativeBytes;
}

/** Values of a resource and a scope, above which their group is made in steps. */
const MAX_AT_ONCE = 4_096;
/** Keys that are entered into a block in one step. */
const KEYS_PER_STEP = 4_096;
/** A row names each key by the number that it has in its block. */
const KEY_NUMBER_BYTES = 4;
/** More bytes of keys, which each block has once, are counted as if each row had them: a block may hold few such rows. */
const MAX_KEY_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);
const NO_ATTRIBUTES: Resource["attributes"] = new Map();

/** What all spans of a ScopeSpans have in common, as the columns hold it. */
export class SpanGroup {
  readonly serviceName: string;
  /** Of the resource, in the order of the column. */
  readonly keys: readonly string[];
  readonly resourceValues: NativeBytes;
  readonly scopeName = new NativeBytes(64);
  readonly scopeVersion = new NativeBytes(64);
  /** Members of `Exact`, each behind a comma. */
  readonly exact: Uint8Array;
  /** Bytes that each row of the group has of it. */
  readonly rowBytes: number;
  /** In which block the keys below are known. */
  #block: GroupColumns | undefined;
  #service = 0;
  #resourceKeys: readonly number[] = [];

  private constructor(
    scope: Scope,
    written: {
      readonly serviceName: string;
      readonly keys: readonly string[];
      readonly keyBytes: number;
      readonly values: NativeBytes;
      readonly exact: Uint8Array;
    },
  ) {
    this.serviceName = written.serviceName;
    this.keys = written.keys;
    this.resourceValues = written.values;
    this.exact = written.exact;
    this.scopeName.text(scope.name);
    this.scopeVersion.text(scope.version);
    this.rowBytes =
      written.values.length +
      written.exact.length +
      this.scopeName.length +
      this.scopeVersion.length +
      KEY_NUMBER_BYTES * written.keys.length +
      (written.keyBytes > MAX_KEY_BYTES ? written.keyBytes : 0);
  }

  static of(resource: Resource, scope: Scope): SpanGroup {
    const { texts, exact } = splitAttributes(resource.attributes);
    const keys = Object.keys(texts);
    const values = new NativeBytes(256);
    for (const value of Object.values(texts)) values.text(value);
    const members = membersOf(exactGroup(resource, exact, scope));
    const service = resource.attributes.get(ATTR_SERVICE_NAME);
    return new SpanGroup(scope, {
      serviceName: service === undefined || service === null ? "" : attributeToText(service),
      keys,
      keyBytes: lengthOf(keys),
      values,
      exact: members === "" ? NOTHING : Buffer.from(`,${members}`),
    });
  }

  /** {@link SpanGroup.of} in steps, where there is much to write. Keys keep their order in the column. */
  static *inSteps(resource: Resource, scope: Scope): Generator<void, SpanGroup, void> {
    if (!isLarge(resource, scope)) return SpanGroup.of(resource, scope);
    const writer = new LargeSpanWriter();
    const column = new MapColumn();
    const exact = new NativeBytes();
    const attributes = new NativeBytes();
    yield* writer.map(column, resource.attributes, attributes, '"resource":');
    const add = (text: NativeBytes | string) => {
      if (text.length === 0) return;
      exact.bareText(",");
      if (typeof text === "string") exact.bareText(text);
      else exact.raw(text.bytes, 0, text.length);
    };
    const bareResource = { ...resource, attributes: NO_ATTRIBUTES };
    const bareScope = { ...scope, attributes: NO_ATTRIBUTES };
    add(attributes);
    add(membersOf(exactGroup(bareResource, undefined, NO_SCOPE)));
    if (scope.attributes.size > 0) {
      const entries = new NativeBytes();
      yield* writer.entries(entries, scope.attributes, '"scope":');
      add(entries);
    }
    add(membersOf(exactGroup(NO_RESOURCE, undefined, bareScope)));
    const keys: string[] = [];
    let keyBytes = 0;
    for (const key of resource.attributes.keys()) {
      keys.push(key);
      keyBytes += key.length;
      if (keys.length % KEYS_PER_STEP === 0) yield;
    }
    yield;
    const service = resource.attributes.get(ATTR_SERVICE_NAME);
    return new SpanGroup(scope, {
      serviceName: service === undefined || service === null ? "" : yield* writer.text(service),
      keys,
      keyBytes,
      values: column.values,
      exact: exact.bytes.subarray(0, exact.length),
    });
  }

  /** Makes the keys of the resource known to a block, in steps. */
  *enter(block: GroupColumns): WritingSteps {
    if (this.#block === block) return;
    const resourceKeys: number[] = [];
    for (const key of this.keys) {
      resourceKeys.push(block.resources.keys.keyOf(key));
      if (resourceKeys.length % KEYS_PER_STEP === 0) yield;
    }
    this.#entered(block, resourceKeys);
  }

  /** Writes what a row has of the group, but for its members of `Exact`. */
  write(block: GroupColumns): void {
    if (this.#block !== block)
      this.#entered(
        block,
        this.keys.map((key) => block.resources.keys.keyOf(key)),
      );
    block.serviceNames.push(this.#service);
    for (const key of this.#resourceKeys) block.resources.keys.push(key);
    block.resources.values.raw(this.resourceValues.bytes, 0, this.resourceValues.length);
    block.resources.endMap();
    block.scopeNames.raw(this.scopeName.bytes, 0, this.scopeName.length);
    block.scopeVersions.raw(this.scopeVersion.bytes, 0, this.scopeVersion.length);
  }

  #entered(block: GroupColumns, resourceKeys: readonly number[]): void {
    this.#block = block;
    this.#service = block.serviceNames.keyOf(this.serviceName);
    this.#resourceKeys = resourceKeys;
  }
}

const NO_RESOURCE: Resource = { attributes: NO_ATTRIBUTES, droppedAttributesCount: 0, schemaUrl: "" };
const NO_SCOPE: Scope = {
  name: "",
  version: "",
  attributes: NO_ATTRIBUTES,
  droppedAttributesCount: 0,
  schemaUrl: "",
};

function isLarge(resource: Resource, scope: Scope): boolean {
  return sizeOf(resource.attributes, MAX_AT_ONCE) + sizeOf(scope.attributes, MAX_AT_ONCE) > MAX_AT_ONCE;
}

/** Values, and a little for their characters; of more than `most` only that. */
function sizeOf(value: AttributeValue, most: number): number {
  if (typeof value === "string") return 1 + (value.length >>> 8);
  if (typeof value !== "object" || value === null) return 1;
  if (value instanceof Uint8Array) return 1 + (value.length >>> 8);
  let size = 1;
  for (const member of value.values()) {
    size += sizeOf(member, most - size);
    if (size > most) break;
  }
  return size;
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}
