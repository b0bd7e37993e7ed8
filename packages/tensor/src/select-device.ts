/**
 * Chooses a device for whoever does not want to: hardware GPU if there is one, else the CPU.
 */
import { createCpuDevice } from "./cpu/cpu-device.ts";
import type { Device } from "./device.ts";
import { NoDeviceError } from "./errors.ts";
import { findAdapter } from "./webgpu/adapter.ts";
import { createWebGpuDevice } from "./webgpu/webgpu-device.ts";

/** `auto` takes a hardware GPU if there is one, else the CPU; a software adapter only by the name `webgpu`. */
export type DeviceChoice = "auto" | "webgpu" | "cpu";

/** A device, and one line on why it was taken. */
export interface SelectedDevice {
  readonly device: Device;
  readonly reason: string;
}

/**
 * Opens a device.
 *
 * @param choice - default `"auto"`
 * @throws NoDeviceError when `"webgpu"` is asked for and there is no adapter
 */
export async function selectDevice(choice: DeviceChoice = "auto"): Promise<SelectedDevice> {
  switch (choice) {
    case "cpu":
      return { device: createCpuDevice(), reason: "cpu: as asked for" };
    case "webgpu": {
      const device = await createWebGpuDevice();
      const kind = device.software ? "a software adapter" : "a hardware GPU";
      return { device, reason: `webgpu: ${device.name}, ${kind}, as asked for` };
    }
    case "auto": {
      const found = await findAdapter();
      if (typeof found === "string") return { device: createCpuDevice(), reason: `cpu: ${found}` };
      if (found.software) {
        const reason = `cpu: the only WebGPU adapter, ${found.name}, is software and slower than this`;
        return { device: createCpuDevice(), reason };
      }
      try {
        const device = await createWebGpuDevice(found);
        return { device, reason: `webgpu: ${device.name}, a hardware GPU` };
      } catch (error) {
        return { device: createCpuDevice(), reason: `cpu: ${(error as Error).message}` };
      }
    }
    default:
      throw new NoDeviceError(`device "${String(choice)}" is unknown; expected "auto", "webgpu" or "cpu"`);
  }
}

/** A device of this machine, usable or not. */
export interface DeviceListing {
  readonly kind: "webgpu" | "cpu";
  readonly name: string;
  readonly software: boolean;
  readonly usable: boolean;
  /** True for the one that `auto` takes. */
  readonly default: boolean;
  /** Why it is, or is not, the default; or why it cannot be used. */
  readonly reason: string;
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: readonly string[];
}

/** What this machine offers, best first. Opens nothing. */
export async function listDevices(): Promise<DeviceListing[]> {
  const found = await findAdapter();
  const cpu = { kind: "cpu", name: "CPU", software: true, usable: true } as const;
  if (typeof found === "string") {
    const webgpu = { kind: "webgpu", name: "WebGPU", software: false, usable: false, default: false } as const;
    return [
      { ...cpu, default: true, reason: "the default: there is no WebGPU adapter" },
      { ...webgpu, reason: found },
    ];
  }
  const { adapter, name, software } = found;
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  const webgpu: DeviceListing = {
    kind: "webgpu",
    name,
    software,
    usable: true,
    default: !software,
    reason: software
      ? "emulated on the CPU, slower than the device cpu: used only when webgpu is asked for by name"
      : "the default: a hardware GPU",
    limits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
    features: [...adapter.features].sort(),
  };
  return software
    ? [{ ...cpu, default: true, reason: "the default: the only WebGPU adapter is software" }, webgpu]
    : [webgpu, { ...cpu, default: false, reason: "used when cpu is asked for by name" }];
}
