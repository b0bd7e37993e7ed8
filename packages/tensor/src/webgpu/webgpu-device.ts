/**
 * The WebGPU device, the same in the browser and in Node. Pipelines and bind groups are made when a program is prepared;
 * running one only encodes dispatches, in one compute pass and one submit.
 */

import type { Device, PreparedProgram, RunOptions } from "../device.ts";
import { type DType, roundUp, storageLayout } from "../dtype.ts";
import { DeviceLostError, DisposedError, KernelError, OutOfMemoryError, ShapeError } from "../errors.ts";
import type { AdapterTraits, Binding, KernelCall } from "../kernel.ts";
import type { Program } from "../program.ts";
import { rowCount, type Storage, type Tensor, tensorOf } from "../tensor.ts";
import { type FoundAdapter, requireAdapter } from "./adapter.ts";
import { PipelineCache } from "./pipelines.ts";

/**
 * Bytes handed to `writeBuffer` before waiting for the queue: each is held twice until the queue has taken it, and a
 * checkpoint of gigabytes must load in bounded memory.
 */
const MAX_PENDING_WRITE_BYTE_LENGTH = 64 << 20;

interface WebGpuStorage extends Storage {
  readonly buffer: GPUBuffer;
}

interface Step {
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  workgroups(tokens: number): readonly [number, number, number];
}

interface WebGpuProgram extends PreparedProgram {
  readonly steps: readonly Step[];
}

/** Runs programs on a WebGPU adapter. */
export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly name: string;
  readonly software: boolean;
  readonly lost: Promise<DeviceLostError>;
  /** The device underneath, for code that shares buffers with this library. */
  readonly gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #traits: AdapterTraits;
  readonly #run: GPUBuffer;
  #runTokens = -1;
  #allocatedByteLength = 0;
  #pendingWriteByteLength = 0;
  #staging: GPUBuffer | undefined;
  /** Errors arrive later than the call at fault; the first is thrown by the next call that returns a promise. */
  #failure: Error | undefined;
  #lastScope: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(gpu: GPUDevice, { name, software }: Pick<FoundAdapter, "name" | "software">) {
    this.gpu = gpu;
    this.name = name;
    this.software = software;
    this.#pipelines = new PipelineCache(gpu);
    this.#traits = { software };
    this.#run = gpu.createBuffer({ label: "run", size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.lost = gpu.lost.then(({ reason, message }) => {
      const error = new DeviceLostError(
        `the WebGPU device ${name} was lost (${reason || "unknown reason"}${message ? `: ${message}` : ""}); load again`,
      );
      if (!this.#disposed) this.#failure = error;
      return error;
    });
    gpu.addEventListener("uncapturederror", (event) => {
      this.#failure ??= new KernelError("unknown", (event as GPUUncapturedErrorEvent).error.message);
    });
  }

  get allocatedByteLength(): number {
    return this.#allocatedByteLength;
  }

  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor {
    this.#assertUsable();
    const layout = storageLayout(dtype, shape);
    const byteLength = Math.max(layout.byteLength, 4);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits;
    if (byteLength > maxBufferSize) {
      throw new OutOfMemoryError(`${label}: ${byteLength} bytes, this device allows ${maxBufferSize} in one buffer`);
    }
    this.gpu.pushErrorScope("out-of-memory");
    const buffer = this.gpu.createBuffer({
      label,
      size: byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#track(
      this.gpu.popErrorScope(),
      (error) => new OutOfMemoryError(`${label}: no room for ${byteLength} bytes on ${this.name}: ${error.message}`),
    );
    this.#allocatedByteLength += byteLength;
    let live = true;
    const storage: WebGpuStorage = {
      buffer,
      byteLength,
      maxOperandByteLength: maxStorageBufferBindingSize,
      dispose: () => {
        if (!live) return;
        live = false;
        buffer.destroy();
        this.#allocatedByteLength -= byteLength;
      },
    };
    return tensorOf(storage, dtype, shape, label);
  }

  async write(tensor: Tensor, bytes: ArrayBufferView, byteOffset = 0): Promise<void> {
    this.#assertUsable();
    const { buffer } = tensor.storage as WebGpuStorage;
    const whole = bytes.byteLength & ~3;
    const source = bytes.buffer as ArrayBuffer;
    this.gpu.queue.writeBuffer(buffer, byteOffset, source, bytes.byteOffset, whole);
    if (whole < bytes.byteLength) {
      // A 16-bit tensor with an odd count ends in half a word; its storage was rounded up to a whole one.
      const tail = new Uint8Array(4);
      tail.set(new Uint8Array(source, bytes.byteOffset + whole, bytes.byteLength - whole));
      this.gpu.queue.writeBuffer(buffer, byteOffset + whole, tail);
    }
    this.#pendingWriteByteLength += bytes.byteLength;
    if (this.#pendingWriteByteLength < MAX_PENDING_WRITE_BYTE_LENGTH) return;
    this.#pendingWriteByteLength = 0;
    await this.gpu.queue.onSubmittedWorkDone();
    this.#assertUsable();
  }

  async read(tensor: Tensor, rows = rowCount(tensor)): Promise<Float32Array> {
    this.#assertUsable();
    const width = tensor.shape.at(-1) ?? 1;
    if (tensor.rowStride !== width) throw new ShapeError(`read ${tensor.label}: a view of columns cannot be read`);
    const byteLength = rows * width * 4;
    const staging = this.#takeStaging(byteLength);
    const encoder = this.gpu.createCommandEncoder({ label: `read ${tensor.label}` });
    encoder.copyBufferToBuffer(
      (tensor.storage as WebGpuStorage).buffer,
      tensor.values.byteOffset,
      staging,
      0,
      byteLength,
    );
    this.gpu.queue.submit([encoder.finish()]);
    try {
      await Promise.all([staging.mapAsync(GPUMapMode.READ, 0, byteLength), this.#lastScope]);
      this.#assertUsable();
      const bytes = staging.getMappedRange(0, byteLength).slice(0);
      staging.unmap();
      this.#returnStaging(staging);
      return tensor.dtype === "u32" ? Float32Array.from(new Uint32Array(bytes)) : new Float32Array(bytes);
    } catch (error) {
      staging.destroy();
      this.#assertUsable();
      if (this.#isLost) throw await this.lost;
      throw error;
    }
  }

  copy(from: Tensor, to: Tensor): void {
    if (from.storage.byteLength !== to.storage.byteLength) {
      throw new ShapeError(`copy ${from.label} to ${to.label}: their sizes differ`);
    }
    const encoder = this.gpu.createCommandEncoder({ label: `copy ${from.label}` });
    const [source, target] = [from.storage as WebGpuStorage, to.storage as WebGpuStorage];
    encoder.copyBufferToBuffer(source.buffer, 0, target.buffer, 0, source.byteLength);
    this.gpu.queue.submit([encoder.finish()]);
  }

  clear(tensor: Tensor): void {
    const encoder = this.gpu.createCommandEncoder({ label: `clear ${tensor.label}` });
    encoder.clearBuffer((tensor.storage as WebGpuStorage).buffer);
    this.gpu.queue.submit([encoder.finish()]);
  }

  async prepare(program: Program): Promise<PreparedProgram> {
    this.#assertUsable();
    const steps = await Promise.all(program.calls.map((call) => this.#prepareCall(call)));
    this.#assertUsable();
    const prepared: WebGpuProgram = { label: program.label, callCount: steps.length, steps };
    return prepared;
  }

  async run(programs: readonly PreparedProgram[], { tokens = 1 }: RunOptions = {}): Promise<void> {
    this.#assertUsable();
    const { queue, limits } = this.gpu;
    if (tokens !== this.#runTokens) {
      queue.writeBuffer(this.#run, 0, new Uint32Array([tokens, 0, 0, 0]));
      this.#runTokens = tokens;
    }
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const program of programs as readonly WebGpuProgram[]) {
      for (const step of program.steps) {
        const workgroups = step.workgroups(tokens);
        // Beyond the limit a dispatch fails later and leaves zeros; say so now, and say which.
        if (Math.max(...workgroups) > limits.maxComputeWorkgroupsPerDimension) {
          throw new KernelError(step.kernel, `${workgroups.join(" × ")} workgroups are more than the device allows`);
        }
        pass.setPipeline(step.pipeline);
        pass.setBindGroup(0, step.bindGroup);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
    pass.end();
    // What was encoded wrongly shows when the encoder finishes, so the scope need not be open before.
    this.gpu.pushErrorScope("validation");
    queue.submit([encoder.finish()]);
    const toError = ({ message }: GPUError) => new KernelError(programs.map(({ label }) => label).join(", "), message);
    this.#track(this.gpu.popErrorScope(), toError);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#staging?.destroy();
    this.gpu.destroy();
    await this.lost;
  }

  async #prepareCall(call: KernelCall): Promise<Step> {
    const shader = call.shader(this.#traits);
    const { pipeline, layout } = await this.#pipelines.get(call.name, shader);
    this.gpu.pushErrorScope("validation");
    const bindGroup = this.gpu.createBindGroup({
      label: call.name,
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.#run } },
        ...shader.bindings.map((binding, index) => ({ binding: index + 1, resource: resourceOf(binding) })),
      ],
    });
    const error = await this.gpu.popErrorScope();
    if (error) throw new KernelError(call.name, error.message);
    return { kernel: call.name, pipeline, bindGroup, workgroups: shader.workgroups };
  }

  /** Remembers an error that a scope will report. */
  #track(scope: Promise<GPUError | null>, toError: (error: GPUError) => Error): void {
    this.#lastScope = scope.then(
      (error) => {
        if (error) this.#failure ??= toError(error);
      },
      // The device is gone; `lost` reports it.
      () => {},
    );
  }

  get #isLost(): boolean {
    return this.#failure instanceof DeviceLostError;
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("WebGPU device");
    const failure = this.#failure;
    if (!failure) return;
    // A lost device stays lost; any other error is reported once.
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  /** One read is in flight most of the time, so one buffer is kept. */
  #takeStaging(byteLength: number): GPUBuffer {
    const kept = this.#staging;
    this.#staging = undefined;
    if (kept && kept.size >= byteLength) return kept;
    kept?.destroy();
    return this.gpu.createBuffer({
      label: "staging",
      size: byteLength,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  #returnStaging(staging: GPUBuffer): void {
    this.#staging?.destroy();
    this.#staging = staging;
  }
}

/**
 * A WebGPU device on this machine's best adapter, hardware or software, with the largest limits it offers.
 *
 * @throws NoDeviceError when there is no adapter, with the reason
 */
export async function createWebGpuDevice(): Promise<WebGpuDevice> {
  const found = await requireAdapter();
  const { limits } = found.adapter;
  const gpu = await found.adapter.requestDevice({
    label: "tensor device",
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    },
  });
  return new WebGpuDevice(gpu, found);
}

function resourceOf({ tensor, part = "values" }: Binding): GPUBufferBinding {
  const range = tensor[part];
  const { buffer } = tensor.storage as WebGpuStorage;
  if (!range) throw new ShapeError(`${tensor.label}: a ${tensor.dtype} tensor has no ${part}`);
  return { buffer, offset: range.byteOffset, size: roundUp(Math.max(range.byteLength, 4), 4) };
}
