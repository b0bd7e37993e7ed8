/**
 * Finds WebGPU adapters and says what they are. Not here: the device made from one, see `webgpu-device.ts`.
 */
import { gpuProvider } from "#gpu-provider";
import { NoDeviceError } from "../errors.ts";

/** An adapter and what a person wants to know of it. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly name: string;
  /** The adapter is emulated on the CPU. */
  readonly software: boolean;
  /** Whether shaders may use `packed_4x8_integer_dot_product`. */
  readonly packedDot: boolean;
  /** Whether calls may run as chains; see `WebGpuDeviceOptions`. */
  readonly chains: boolean;
}

/**
 * Vendors whose GPUs let workgroups go on once they have begun, whatever others wait for, where it was tried. Apple's do not
 * (Smith et al., SPAA 2025).
 */
const VENDORS_WITH_CHAINS = /^nvidia$/i;

const SOFTWARE_NAMES = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp/i;

/** The best adapter of this machine, hardware if there is one, or why there is none. */
export async function findAdapter(): Promise<FoundAdapter | string> {
  const gpu = await gpuProvider();
  if (typeof gpu === "string") return gpu;
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    return "WebGPU found no GPU with a working Vulkan, Metal or D3D12 driver; to use a GPU, install or update its driver";
  }
  return { ...describeAdapter(adapter), packedDot: gpu.wgslLanguageFeatures.has("packed_4x8_integer_dot_product") };
}

/** As `findAdapter`, but none is an error. */
export async function requireAdapter(): Promise<FoundAdapter> {
  const found = await findAdapter();
  if (typeof found === "string") {
    throw new NoDeviceError(`no WebGPU adapter: ${found}; or use the device "cpu", which needs none`);
  }
  return found;
}

function describeAdapter(adapter: GPUAdapter): Omit<FoundAdapter, "packedDot"> {
  const { vendor, architecture, device, description } = adapter.info;
  const name = [vendor, description || device || architecture].filter(Boolean).join(" ") || "unnamed adapter";
  const software =
    adapter.info.isFallbackAdapter === true ||
    SOFTWARE_NAMES.test([vendor, architecture, device, description].join(" "));
  return { adapter, name, software, chains: !software && VENDORS_WITH_CHAINS.test(vendor) };
}
