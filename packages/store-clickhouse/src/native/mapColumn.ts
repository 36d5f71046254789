import { LowCardinalityColumn } from "./lowCardinalityColumn.js";
import { NativeBytes } from "./nativeBytes.js";

/** A column of `Map(LowCardinality(String), String)`, or the maps in arrays of them. */
export class MapColumn {
  readonly keys = new LowCardinalityColumn();
  readonly values = new NativeBytes(16_384);
  /** One per map: how many entries there are up to its end. */
  readonly offsets = new NativeBytes();

  add(key: string, value: string): void {
    this.keys.push(this.keys.keyOf(key));
    this.values.text(value);
  }

  endMap(): void {
    this.offsets.count(this.keys.length);
  }

  /** The maps of another column behind those of this one. */
  append(other: MapColumn): void {
    this.offsets.counts(other.offsets, this.keys.length);
    this.keys.append(other.keys);
    this.values.raw(other.values.bytes, 0, other.values.length);
  }

  clear(): void {
    this.keys.clear();
    this.values.length = 0;
    this.offsets.length = 0;
  }

  /** Behind the prefix of the keys, and the offsets of arrays around the maps. */
  write(out: NativeBytes): void {
    out.raw(this.offsets.bytes, 0, this.offsets.length);
    this.keys.write(out);
    out.raw(this.values.bytes, 0, this.values.length);
  }
}
