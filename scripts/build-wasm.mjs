/**
 * Compiles the packages' AssemblyScript (`packages/NAME/assembly`) to WebAssembly, embedded as text in
 * `packages/NAME/src/NAME-wasm.generated.ts`, which is committed: nothing else needs the compiler. A test holds that the two
 * belong together.
 *
 * Usage: npm run wasm
 */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Packages that have code in AssemblyScript. */
export const WASM_PACKAGES = ["bench", "kernels", "ssm"];

/**
 * Where a package's generated file is, from the repository's root.
 *
 * @param {string} name
 */
export function generatedPath(name) {
  return `packages/${name}/src/${name}-wasm.generated.ts`;
}

/**
 * The generated file's text, from the package's AssemblyScript as it is now.
 *
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function compile(name) {
  /** @type {Uint8Array[]} */
  const binaries = [];
  const { error, stderr } = await asc.main(
    [
      `packages/${name}/assembly/index.ts`,
      ...["--baseDir", root, "--outFile", "module.wasm"],
      "-O3",
      // No heap, no start function; memory is the CPU device's, shared by all threads.
      ...["--runtime", "stub", "--noAssert", "--use", "abort="],
      ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
      ...["--enable", "simd", "--enable", "threads", "--enable", "bulk-memory"],
    ],
    {
      writeFile(_, contents) {
        if (contents instanceof Uint8Array) binaries.push(contents);
      },
    },
  );
  const [binary] = binaries;
  if (error || !binary) throw new Error(`${name}: ${stderr?.toString()}`, { cause: error });
  return `/**
 * WebAssembly made of \`assembly/\` by \`npm run wasm\`: change it there. ${binary.byteLength} bytes, as hexadecimal
 * digits on one line: of these gzip finds what repeats, which in base64 begins at another bit each time.
 */
export const ${name.toUpperCase()}_WASM =
  "${Buffer.from(binary).toString("hex")}";
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of WASM_PACKAGES) {
    const text = await compile(name);
    await writeFile(`${root}/${generatedPath(name)}`, text);
    console.log(`${generatedPath(name)}: ${text.length} characters`);
  }
}
