/**
 * Writes the element type, the shape and the SHA-256 of every tensor of a safetensors file, as JSON: what tests compare
 * `pytorch_model.bin` with, where its twin would take too much room.
 *
 *     node packages/checkpoint/scripts/hash-tensors.mjs model.safetensors > fixtures/golden/blackmamba/tensors.json
 *
 * It parses the file by itself, on purpose: what this package reads is compared with it.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("Usage: node hash-tensors.mjs FILE.safetensors > tensors.json");
  process.exit(2);
}
const file = readFileSync(path);
const dataByteOffset = 8 + Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.toString("utf8", 8, dataByteOffset));
const lines = Object.entries(header)
  .filter(([name]) => name !== "__metadata__")
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [start, end],
      },
    ]) => {
      const bytes = file.subarray(dataByteOffset + start, dataByteOffset + end);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const sizes = `[${shape.join(", ")}]`;
      return `  ${JSON.stringify(name)}: { "dtype": ${JSON.stringify(dtype)}, "shape": ${sizes}, "sha256": "${sha256}" }`;
    },
  );
process.stdout.write(`{\n${lines.join(",\n")}\n}\n`);
