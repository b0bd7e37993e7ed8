/**
 * Tensors, recorded programs of kernel calls, and the devices that run them.
 *
 * @packageDocumentation
 */
export { CpuDevice, createCpuDevice } from "./cpu/cpu-device.ts";
export type { Device, PreparedProgram, RunOptions, TensorAllocator } from "./device.ts";
export {
  type ByteRange,
  type DType,
  Q8_0_BLOCK,
  type StorageLayout,
  elementCount,
  roundUp,
  storageLayout,
} from "./dtype.ts";
export {
  CodedError,
  DeviceLostError,
  DisposedError,
  KernelError,
  NoDeviceError,
  OutOfMemoryError,
  ShapeError,
} from "./errors.ts";
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./float.ts";
export { type HostTensor, f32, hostTensor, rowReader, u32 } from "./host-tensor.ts";
export {
  type AdapterTraits,
  type Binding,
  type HostOperands,
  type Kernel,
  type KernelCall,
  type Operands,
  type Shader,
  defineKernel,
} from "./kernel.ts";
export { Program } from "./program.ts";
export { type DeviceChoice, type DeviceListing, type SelectedDevice, listDevices, selectDevice } from "./select-device.ts";
export { type Storage, type Tensor, columns, rowCount, rows, splitPoints } from "./tensor.ts";
export { TensorPool } from "./tensor-pool.ts";
export { type FoundAdapter, findAdapter } from "./webgpu/adapter.ts";
export { WebGpuDevice, createWebGpuDevice } from "./webgpu/webgpu-device.ts";
