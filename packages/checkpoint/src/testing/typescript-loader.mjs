/**
 * Lets a plain Node process import this package's TypeScript, by stripping its types: for tests that need a process of
 * their own. Use it as `node --conditions=@blackmamba/source --import <this file>`. Later versions of Node need none.
 */

import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { fileURLToPath } from "node:url";

if (!import.meta.url.includes("?hooks")) register(`${import.meta.url}?hooks`);

export async function load(url, context, nextLoad) {
  if (!url.endsWith(".ts")) return nextLoad(url, context);
  const { default: typescript } = await import("typescript");
  const text = await readFile(fileURLToPath(url), "utf8");
  const compilerOptions = { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 };
  const source = typescript.transpileModule(text, { compilerOptions }).outputText;
  return { format: "module", source, shortCircuit: true };
}
