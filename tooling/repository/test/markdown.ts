import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, root, workspacePackages } from "./workspace.js";

export interface CodeBlock {
  /** The Markdown file, relative to the root. */
  readonly document: string;
  /** Of the line that opens the block. */
  readonly line: number;
  /** What stands behind the opening fence, such as `ts` or `ts typecheck`. */
  readonly info: string;
  readonly code: string;
}

/** Every document of the repository that shows code. */
export function documents(): readonly string[] {
  const readmes = workspacePackages().map(({ folder }) => `${folder}/README.md`);
  const present = new Set([...filesBelow("packages", ["README.md"]), ...filesBelow("apps", ["README.md"])]);
  return ["README.md", ...filesBelow("docs", [".md"]), ...readmes.filter((path) => present.has(path))];
}

export function codeBlocks(document: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [index, line] of readFileSync(join(root, document), "utf8").split("\n").entries()) {
    if (open === undefined && line.startsWith("```"))
      open = { line: index + 1, info: line.slice(3).trim(), lines: [] };
    else if (open !== undefined && line.startsWith("```")) {
      blocks.push({ document, line: open.line, info: open.info, code: open.lines.join("\n") });
      open = undefined;
    } else open?.lines.push(line);
  }
  if (open !== undefined) throw new Error(`${document}:${open.line}: the code block is never closed`);
  return blocks;
}
