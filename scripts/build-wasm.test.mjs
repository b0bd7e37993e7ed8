import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { compile, generatedPath, WASM_PACKAGES } from "./build-wasm.mjs";

test.each(WASM_PACKAGES)("the committed WebAssembly of %s is what its AssemblyScript compiles to", async (name) => {
  const committed = await readFile(new URL(`../${generatedPath(name)}`, import.meta.url), "utf8");
  expect(committed === (await compile(name)), `${generatedPath(name)} is stale; run npm run wasm`).toBe(true);
});
