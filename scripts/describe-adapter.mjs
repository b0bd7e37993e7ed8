/**
 * Says in one line which WebGPU adapter Node finds here, and ends with 1 if it finds none. It changes nothing: run it
 * through `software-adapter.mjs` to see the software adapter.
 */
import { createRequire } from "node:module";

// Dawn is a dependency of the device, not of the workspace's root.
const requireFromTensor = createRequire(new URL("../packages/tensor/package.json", import.meta.url));

let adapter;
let reason = "none is offered";
try {
  adapter = await requireFromTensor("webgpu").create([]).requestAdapter();
} catch (error) {
  reason = String(error);
}

if (adapter) {
  const { vendor, architecture, device, description } = adapter.info;
  console.log([vendor, architecture, description || device].filter(Boolean).join(", "));
} else {
  console.log(`none (${reason})`);
}
// Dawn's threads can keep the process alive.
process.exit(adapter ? 0 : 1);
