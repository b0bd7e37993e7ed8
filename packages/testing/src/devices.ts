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
  /** Whether calls run as chains. */
  readonly chains?: boolean | undefined;
  open(): Promise<Device>;
}

/** The CPU device and the WebGPU device, as a user gets them. */
export function testDevices(): TestDevice[] {
  return inject("devices").map((kind) => ({
    label: kind,
    open: once(async () => (kind === "cpu" ? createCpuDevice() : await createWebGpuDevice())),
  }));
}

/** WebGPU alone, where there is any, with the shaders that hardware GPUs get, which run as chains. */
export function testChainDevices(): TestDevice[] {
  return testDevices()
    .filter(({ label }) => label === "webgpu")
    .map((webgpu) => hardwareVariant(webgpu, "chains", { subgroups: true, chains: true }));
}

/**
 * As {@link testDevices}, and once more the CPU in plain TypeScript, and on three threads, which a machine with one processor
 * can have too; and three times more WebGPU with the shaders that hardware GPUs get, with and without subgroups and products of
 * bytes, and as chains: an emulated adapter runs those too, only slower.
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
  return [
    ...devices,
    ...cpus,
    hardwareVariant(webgpu, "hardware shaders", { subgroups: true }),
    hardwareVariant(webgpu, "hardware shaders without subgroups", { subgroups: false }),
    hardwareVariant(webgpu, "chains", { subgroups: true, chains: true }),
  ];
}

function hardwareVariant(
  webgpu: TestDevice,
  label: string,
  options: { readonly subgroups: boolean; readonly chains?: boolean },
): TestDevice {
  return {
    label: `webgpu, ${label}`,
    chains: options.chains,
    open: once(async () => {
      // One GPUDevice for all: a second one in a process can abort Dawn.
      const { gpu, name } = (await webgpu.open()) as WebGpuDevice;
      return new WebGpuDevice(gpu, { name, software: false, packedDot: options.subgroups, ...options });
    }),
  };
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
