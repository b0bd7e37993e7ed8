/**
 * Counts what a page or a process holds that no garbage collector gives back in time: GPU devices and their buffers, workers, and
 * addresses of Blobs. It looks on at those who make them, so it must begin before they do.
 */

/** What is there now that was made since counting began. */
export interface LiveResources {
  readonly gpuDevices: number;
  readonly gpuBuffers: number;
  readonly workers: number;
  readonly objectUrls: number;
}

// biome-ignore lint/suspicious/noExplicitAny: methods of any class.
type Method = (this: any, ...args: any[]) => any;

/** Replaces a method by one that also tells of each call; where the host has no such class there is nothing to count. */
// biome-ignore lint/suspicious/noExplicitAny: of any class.
function tell(owner: any, name: string, onCall: (self: any, result: unknown, args: unknown[]) => void): () => void {
  const original = owner?.[name] as Method | undefined;
  if (!original) return () => {};
  owner[name] = function (this: unknown, ...args: unknown[]) {
    const result = original.apply(this, args);
    onCall(this, result, args);
    return result;
  };
  return () => {
    owner[name] = original;
  };
}

/**
 * Begins to count. On Node, WebGPU's classes must be there already: ask for an adapter first.
 *
 * @returns `live`, what there is, and `stop`, which ends the counting
 */
export function countResources(): { live(): LiveResources; stop(): void } {
  const devices = new Map<object, Set<object>>();
  const workers = new Set<object>();
  const urls = new Set<string>();
  // biome-ignore lint/suspicious/noExplicitAny: what is missing in one of the hosts.
  const { GPUAdapter, GPUDevice, GPUBuffer, Worker, URL } = globalThis as any;
  const buffersOf = (device: object) => {
    const buffers = devices.get(device) ?? new Set();
    devices.set(device, buffers);
    return buffers;
  };
  const undo = [
    tell(GPUAdapter?.prototype, "requestDevice", (_, device) => {
      (device as Promise<object>).then(buffersOf, () => {});
    }),
    tell(GPUDevice?.prototype, "createBuffer", (device, buffer) => void buffersOf(device).add(buffer as object)),
    tell(GPUDevice?.prototype, "destroy", (device) => void devices.delete(device)),
    tell(GPUBuffer?.prototype, "destroy", (buffer) => {
      for (const buffers of devices.values()) buffers.delete(buffer);
    }),
    // The constructor cannot be replaced for those who have it already, but every worker here is handed a message first.
    tell(Worker?.prototype, "postMessage", (worker) => void workers.add(worker)),
    tell(Worker?.prototype, "terminate", (worker) => void workers.delete(worker)),
    tell(URL, "createObjectURL", (_, url) => void urls.add(url as string)),
    tell(URL, "revokeObjectURL", (_, __, [url]) => void urls.delete(url as string)),
  ];
  return {
    live: () => ({
      gpuDevices: devices.size,
      gpuBuffers: [...devices.values()].reduce((sum, buffers) => sum + buffers.size, 0),
      workers: workers.size,
      objectUrls: urls.size,
    }),
    stop: () => {
      for (const each of undo) each();
    },
  };
}
