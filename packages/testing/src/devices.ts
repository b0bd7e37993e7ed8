/**
 * The devices a test runs on. Which there are is decided by the test runner's configuration, never by skipping in a test.
 */
import { createCpuDevice, createWebGpuDevice, type Device, WebGpuDevice } from "@blackmamba/tensor";
import { afterAll, inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    devices: readonly ("cpu" | "webgpu")[];
  }
}

/** A device to run tests on; opened when the first test asks for it, disposed after the last of the file. */
export interface TestDevice {
  /** For `describe.each`, as `$label`. */
  readonly label: string;
  open(): Promise<Device>;
}

/** The CPU device and the WebGPU device, as a user gets them. */
export function testDevices(): TestDevice[] {
  return inject("devices").map((kind) => ({
    label: kind,
    open: once(async () => (kind === "cpu" ? createCpuDevice() : await createWebGpuDevice())),
  }));
}

/**
 * As {@link testDevices}, and once more the CPU in plain TypeScript, and on three threads, which a machine with one processor
 * can have too; and twice more WebGPU with the shaders that hardware GPUs get, with and without
 * subgroups and products of bytes: an emulated adapter runs those too, only slower.
 */
export function testDeviceVariants(): TestDevice[] {
  const devices = testDevices();
  const cpus = devices.some(({ label }) => label === "cpu")
    ? [
        { label: "cpu, plain TypeScript", open: once(async () => createCpuDevice({ plain: true })) },
        { label: "cpu, three threads", open: once(async () => createCpuDevice({ threads: 3 })) },
      ]
    : [];
  const webgpu = devices.find(({ label }) => label === "webgpu");
  if (!webgpu) return [...devices, ...cpus];
  const variant = (label: string, subgroups: boolean): TestDevice => ({
    label,
    open: once(async () => {
      // One GPUDevice for all: a second one in a process can abort Dawn.
      const { gpu, name } = (await webgpu.open()) as WebGpuDevice;
      return new WebGpuDevice(gpu, { name, software: false, subgroups, packedDot: subgroups });
    }),
  });
  return [
    ...devices,
    ...cpus,
    variant("webgpu, hardware shaders", true),
    variant("webgpu, hardware shaders without subgroups", false),
  ];
}

function once(create: () => Promise<Device>): () => Promise<Device> {
  let device: Promise<Device> | undefined;
  afterAll(async () => {
    await (await device)?.dispose();
  });
  return () => {
    device ??= create();
    return device;
  };
}
