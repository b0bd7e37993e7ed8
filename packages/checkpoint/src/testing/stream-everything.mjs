/**
 * A program: opens the checkpoint at the given path, streams every tensor, and prints as JSON what it read and how much
 * memory the process gained. With a type as well, it converts: matrices become that type, and a sink that keeps nothing
 * takes the file. Run in a process of its own, so that the figure is of that alone.
 */

import { openFile } from "../node.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { quantizedTensor } from "../quantized-tensor.ts";
import { writeSafetensors } from "../safetensors/write-safetensors.ts";

const [path, dtype] = process.argv.slice(2);
if (!path) throw new Error("usage: stream-everything.mjs <checkpoint> [q8_0 | q4_0]");

const startBytes = process.memoryUsage.rss();
let peakBytes = startBytes;
let byteLength = 0;
const take = (bytes) => {
  byteLength += bytes.byteLength;
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
};

const startMs = performance.now();
const checkpoint = await openCheckpoint(await openFile(path));
const openMs = performance.now() - startMs;
const tensors = [...checkpoint.tensors.values()];
if (dtype) {
  const isMatrix = ({ shape }) => shape.length === 2 && shape[1] % 32 === 0;
  const converted = tensors.map((tensor) => (isMatrix(tensor) ? quantizedTensor(tensor, dtype) : tensor));
  await writeSafetensors(converted, {
    write: async (bytes) => take(bytes),
    close: async () => {},
    abort: async () => {},
  });
} else {
  for (const tensor of tensors) for await (const { bytes } of tensor.chunks()) take(bytes);
}
await checkpoint.close();
const durationMs = performance.now() - startMs;
const rssGrowthBytes = peakBytes - startBytes;
console.log(JSON.stringify({ tensors: tensors.length, byteLength, rssGrowthBytes, openMs, durationMs }));
