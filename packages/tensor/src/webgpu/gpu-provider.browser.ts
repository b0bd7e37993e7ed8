/**
 * Where WebGPU comes from in a browser. Chosen by the `#gpu-provider` entry of package.json.
 */

/** The browser's WebGPU, or why there is none. */
export async function gpuProvider(): Promise<GPU | string> {
  const gpu = globalThis.navigator?.gpu;
  if (gpu) return gpu;
  if (!globalThis.isSecureContext) return "WebGPU needs a secure page: serve it over https or from localhost";
  return "this browser offers no WebGPU (navigator.gpu is missing)";
}
