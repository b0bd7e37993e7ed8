/**
 * Tensors, recorded programs of kernel calls, and the devices that run them.
 *
 * @packageDocumentation
 */
export { CpuDevice, type CpuDeviceOptions, createCpuDevice } from "./cpu/cpu-device.ts";
export { SCRATCH_BYTE_LENGTH, type TaskId, type WasmEngine, type WasmModule } from "./cpu/wasm-engine.ts";
export type { Device, KernelTime, PreparedProgram, RunOptions, TensorAllocator, TensorSpec } from "./device.ts";
export {
  type ByteRange,
  type DType,
  elementCount,
  isQuantized,
  Q4_0_ZERO,
  QUANT_BLOCK,
  type QuantizedDType,
  roundUp,
  type StorageLayout,
  storageLayout,
} from "./dtype.ts";
export {
  CodedError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  KernelError,
  NoDeviceError,
  OutOfMemoryError,
  type OutOfMemoryOptions,
  ShapeError,
} from "./errors.ts";
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./float.ts";
export { f32, type HostTensor, hostTensor, rowReader, u32, wideningTable } from "./host-tensor.ts";
export {
  type AdapterTraits,
  type Binding,
  defineKernel,
  type HostOperands,
  type Kernel,
  type KernelCall,
  type Operands,
  type Shader,
} from "./kernel.ts";
export { nextTurn } from "./next-turn.ts";
export { Program, type ProgramOptions } from "./program.ts";
export {
  type DeviceChoice,
  type DeviceListing,
  listDevices,
  type SelectedDevice,
  selectDevice,
} from "./select-device.ts";
export { columns, rowCount, rows, type Storage, splitPoints, type Tensor, tensorOf } from "./tensor.ts";
export { TensorPool } from "./tensor-pool.ts";
export { type FoundAdapter, findAdapter } from "./webgpu/adapter.ts";
export { createWebGpuDevice, WebGpuDevice, type WebGpuDeviceOptions } from "./webgpu/webgpu-device.ts";
