import type { Device } from "@blackmamba/tensor";

/**
 * Waits for a device, and drops what it has to say of what was done. Of several buffers that had no room each would be told, and the
 * next to use the device is not to hear of those that are given up.
 */
export async function forgetFailures(device: Device): Promise<void> {
  await device.settled().catch(() => {});
}
