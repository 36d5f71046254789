import type { Resource, Scope } from "@es/otlp";
import { NativeBytes } from "@es/store-clickhouse";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { attributeToText } from "../attributes/attributeText.js";
import { splitAttributes } from "./exactValue.js";
import type { SpanBlock } from "./spanBlock.js";
import { exactGroup } from "./spanRow.js";

/** What all spans of a ScopeSpans have in common, as the columns hold it. */
export class SpanGroup {
  readonly texts: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly scopeName = new NativeBytes(64);
  readonly scopeVersion = new NativeBytes(64);
  readonly resourceValues = new NativeBytes(256);
  /** Members of `Exact`, each behind a comma. */
  readonly exact: Buffer;
  /** In which block the keys below are known. */
  block: SpanBlock | undefined;
  service = 0;
  resourceKeys: readonly number[] = [];

  constructor(resource: Resource, scope: Scope) {
    const { texts, exact } = splitAttributes(resource.attributes);
    const service = resource.attributes.get(ATTR_SERVICE_NAME);
    this.texts = texts;
    this.serviceName = service === undefined || service === null ? "" : attributeToText(service);
    this.scopeName.text(scope.name);
    this.scopeVersion.text(scope.version);
    for (const value of Object.values(texts)) this.resourceValues.text(value);
    const members = exactGroup(resource, exact, scope);
    this.exact = Buffer.from(members === undefined ? "" : `,${JSON.stringify(members).slice(1, -1)}`);
  }

  enter(block: SpanBlock): void {
    if (this.block === block) return;
    this.block = block;
    this.service = block.serviceNames.keyOf(this.serviceName);
    this.resourceKeys = Object.keys(this.texts).map((key) => block.resources.keys.keyOf(key));
  }
}
