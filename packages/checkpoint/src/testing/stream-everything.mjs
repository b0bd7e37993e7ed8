/**
 * A program: opens the checkpoint at the given path, streams every tensor, and prints as JSON what it read and how much
 * memory the process gained. Run in a process of its own, so that the figure is of reading alone.
 */

import { openFile } from "../node.ts";
import { openCheckpoint } from "../open-checkpoint.ts";

const path = process.argv[2];
if (!path) throw new Error("usage: stream-everything.mjs <checkpoint>");

const startBytes = process.memoryUsage.rss();
let peakBytes = startBytes;
let byteLength = 0;
let tensors = 0;
const startMs = performance.now();
const checkpoint = await openCheckpoint(await openFile(path));
const openMs = performance.now() - startMs;
for (const tensor of checkpoint.tensors.values()) {
  tensors++;
  for await (const { bytes } of tensor.chunks()) {
    byteLength += bytes.byteLength;
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }
}
await checkpoint.close();
const durationMs = performance.now() - startMs;
console.log(JSON.stringify({ tensors, byteLength, rssGrowthBytes: peakBytes - startBytes, openMs, durationMs }));
