/**
 * Type-checks samples as a project of a stranger would: TypeScript strictly, JavaScript as an editor does. Types come from the
 * packages' sources.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import ts from "typescript";

/** What a stranger's project has of it: lines that continue a program, or a name that the document has introduced. */
const OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  lib: [
    "lib.es2023.d.ts",
    "lib.dom.d.ts",
    "lib.dom.iterable.d.ts",
    "lib.dom.asynciterable.d.ts",
    "lib.esnext.disposable.d.ts",
  ],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  customConditions: ["@blackmamba/source"],
  moduleDetection: ts.ModuleDetectionKind.Force,
  allowImportingTsExtensions: true,
  allowJs: true,
  checkJs: true,
  noEmit: true,
  skipLibCheck: true,
  types: ["@webgpu/types", "node"],
};

/**
 * @param {string} folder - in which `node_modules` are
 * @param {readonly import("./read-samples.mjs").Sample[]} samples - of JavaScript or TypeScript
 * @returns {Promise<string[]>} a line for each mistake
 */
export async function typeProblems(folder, samples) {
  const problems = [];
  for (const strict of [true, false]) {
    /** @type {Map<string, import("./read-samples.mjs").Sample>} */
    const files = new Map();
    for (const [index, sample] of samples.entries()) {
      if ((sample.language === "ts") !== strict) continue;
      const file = join(folder, `sample-${index}.${strict ? "mts" : "mjs"}`);
      await writeFile(file, sample.code);
      files.set(file, sample);
    }
    const program = ts.createProgram([...files.keys()], { ...OPTIONS, strict });
    for (const [file, { file: document, line }] of files) {
      const source = program.getSourceFile(file);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      for (const { start = 0, messageText } of found) {
        const at = line + (source?.getLineAndCharacterOfPosition(start).line ?? 0);
        problems.push(`${document}:${at}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
      }
    }
  }
  return problems;
}
