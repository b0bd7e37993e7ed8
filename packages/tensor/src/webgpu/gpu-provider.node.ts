/**
 * Where WebGPU comes from in Node: Dawn, through the npm package `webgpu`. Chosen by the `#gpu-provider` entry of
 * package.json.
 */
import { thisMachine, whyNoVulkan } from "./vulkan.node.ts";

let provided: Promise<GPU | string> | undefined;

/** Dawn's WebGPU, or why there is none. One instance serves the whole process: Dawn dislikes a second. */
export function gpuProvider(): Promise<GPU | string> {
  provided ??= findGpu();
  return provided;
}

async function findGpu(): Promise<GPU | string> {
  if (globalThis.navigator?.gpu) return globalThis.navigator.gpu;
  // On Linux Dawn has Vulkan alone; where that cannot work it would say so itself, and not to us.
  const obstacle = process.platform === "linux" ? whyNoVulkan(thisMachine) : undefined;
  if (obstacle) return obstacle;
  try {
    const { create, globals } = await import("webgpu");
    for (const [name, value] of Object.entries(globals)) {
      // Only what is missing: a host may have its own.
      if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
    // Timestamps to the nanosecond: the coarse ones that a browser gives are a defence that a process of one's own needs not.
    return create(["disable-dawn-features=timestamp_quantization"]);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return `the npm package webgpu (Dawn) could not be loaded (${reason}); install it again`;
  }
}
