/**
 * The WebGPU device, the same in the browser and in Node. Pipelines and bind groups are made when a program is prepared;
 * running one only encodes dispatches, in one compute pass and one submit.
 */

import type { Device, KernelTime, PreparedProgram, RunOptions, TensorSpec } from "../device.ts";
import { type ByteRange, type DType, storageLayout } from "../dtype.ts";
import {
  CodedError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  KernelError,
  NoDeviceError,
  OutOfMemoryError,
  ShapeError,
} from "../errors.ts";
import type { AdapterTraits, KernelCall } from "../kernel.ts";
import type { Program } from "../program.ts";
import {
  requireRange,
  requireReadable,
  requireRoom,
  requireWhole,
  rowCount,
  type Tensor,
  tensorOf,
} from "../tensor.ts";
import { type FoundAdapter, requireAdapter } from "./adapter.ts";
import { type ChainPlan, chainWorkgroupSize, planChains } from "./chain/chain-plan.ts";
import { GAVE_UP_WORD, linkChain } from "./chain/link.ts";
import { type GpuStorage, placeOf, requireReadOrWritten, resourceOf } from "./gpu-storage.ts";
import { pack } from "./pack.ts";
import { PipelineCache } from "./pipelines.ts";

/**
 * Bytes handed to `writeBuffer` before waiting for the queue: each is held twice until the queue has taken it, and a
 * checkpoint of gigabytes must load in bounded memory.
 */
const MAX_PENDING_WRITE_BYTE_LENGTH = 64 << 20;

/** Buffers for reading back are kept up to this size: enough for one token's logits, not for those of a whole text. */
const MAX_KEPT_STAGING_BYTE_LENGTH = 1 << 20;

/** As many of them as reads may be under way while the next run is encoded. */
const MAX_KEPT_STAGING_BUFFERS = 9;

/** Most bytes of a buffer that tensors share: what every WebGPU device allows. One of gigabytes many adapters refuse. */
const MAX_SHARED_BUFFER_BYTE_LENGTH = 256 << 20;

/** The same with chains, which can bind few buffers: so a model has few chains. GPUs that have chains have room for it. */
const MAX_CHAINED_BUFFER_BYTE_LENGTH = 4 * 2 ** 30 - 4;

/** A dispatch: of a call, or of several that are a chain. */
interface Step {
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  workgroups(tokens: number): readonly [number, number, number];
  /** The workgroups of the run before: decoding asks the same again and again. */
  last: { readonly tokens: number; readonly workgroups: readonly [number, number, number] };
  /** Of a chain: what it has of its own. */
  readonly chain?: { readonly arena: GPUBuffer; readonly buffers: readonly GPUBuffer[] } | undefined;
}

/** What a device is made of: an adapter's name and kind, and what of it may be used. */
export interface WebGpuDeviceOptions {
  readonly name: string;
  /** The adapter is emulated on the CPU. */
  readonly software: boolean;
  /** Use subgroups where the device has them. Default true. */
  readonly subgroups?: boolean | undefined;
  /** Shaders may use `packed_4x8_integer_dot_product`. Default false. */
  readonly packedDot?: boolean | undefined;
  /**
   * Calls may run as chains: the adapter lets workgroups go on once it has begun them, whatever others are waiting for. Default
   * false.
   */
  readonly chains?: boolean | undefined;
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
  /** Arenas of chains that have run since something was read. */
  readonly #unreadArenas = new Set<GPUBuffer>();
  /** Threads of a workgroup of chains, where there are chains, and as long as none has failed. */
  #chainWorkgroupSize: number | undefined;
  readonly #run: GPUBuffer;
  #runTokens = -1;
  #allocatedByteLength = 0;
  #pendingWriteByteLength = 0;
  readonly #staging: GPUBuffer[] = [];
  /** Errors arrive later than the call at fault; the first is thrown by the next call that returns a promise. */
  #failure: Error | undefined;
  #lastScope: Promise<unknown> = Promise.resolve();
  #lastRun: Promise<unknown> = Promise.resolve();
  #unreadRuns = 0;
  #disposed = false;

  readonly #onUncapturedError = (event: Event): void => {
    this.#failure ??= new DeviceError((event as GPUUncapturedErrorEvent).error.message);
  };

  constructor(gpu: GPUDevice, options: WebGpuDeviceOptions) {
    const { name, software, subgroups = true, packedDot = false, chains = false } = options;
    this.gpu = gpu;
    this.name = name;
    this.software = software;
    this.#pipelines = new PipelineCache(gpu);
    this.#traits = {
      software,
      subgroupSize: subgroups ? subgroupSizeOf(gpu) : 0,
      packedDot,
      maxWorkgroupSize: gpu.limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupByteLength: gpu.limits.maxComputeWorkgroupStorageSize,
      chained: false,
    };
    this.#chainWorkgroupSize = chains ? chainWorkgroupSize(this.#traits.maxWorkgroupSize) : undefined;
    this.#run = gpu.createBuffer({ label: "run", size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.lost = gpu.lost.then(({ reason, message }) => {
      const error = new DeviceLostError(
        `the WebGPU device ${name} was lost (${reason || "unknown reason"}${message ? `: ${message}` : ""}), and all that was on it; ` +
          "create a new device",
      );
      if (!this.#disposed) this.#failure = error;
      return error;
    });
    gpu.addEventListener("uncapturederror", this.#onUncapturedError);
  }

  get allocatedByteLength(): number {
    return this.#allocatedByteLength;
  }

  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor {
    return this.createTensors([{ dtype, shape, label }])[0] as Tensor;
  }

  createTensors(specs: readonly TensorSpec[]): Tensor[] {
    if (this.#disposed) throw new DisposedError("WebGPU device");
    const { maxBufferSize } = this.gpu.limits;
    const sized = specs.map((spec) => {
      const byteLength = Math.max(storageLayout(spec.dtype, spec.shape).byteLength, 4);
      if (byteLength <= maxBufferSize) return { ...spec, byteLength };
      throw new OutOfMemoryError(
        `${spec.label}: ${byteLength} bytes, this device allows ${maxBufferSize} in one buffer`,
        { allocatedByteLength: this.#allocatedByteLength, maxByteLength: maxBufferSize },
      );
    });
    const { maxStorageBufferBindingSize } = this.gpu.limits;
    const most = this.#chainWorkgroupSize
      ? Math.min(MAX_CHAINED_BUFFER_BYTE_LENGTH, maxBufferSize, maxStorageBufferBindingSize)
      : MAX_SHARED_BUFFER_BYTE_LENGTH;
    return pack(sized, most).flatMap((placed) => this.#createTogether(placed));
  }

  /** Makes one buffer, and the tensors in it. */
  #createTogether(specs: readonly (TensorSpec & ByteRange)[]): Tensor[] {
    const [first, last] = [specs[0], specs.at(-1)] as [TensorSpec & ByteRange, TensorSpec & ByteRange];
    const byteLength = last.byteOffset + last.byteLength;
    const label = first === last ? first.label : `${first.label} … ${last.label}`;
    this.gpu.pushErrorScope("out-of-memory");
    const buffer = this.gpu.createBuffer({
      label,
      size: byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    const allocatedByteLength = this.#allocatedByteLength;
    this.#track(this.gpu.popErrorScope(), (error) => {
      const message = `${label}: no room for ${byteLength} bytes on ${this.name}: ${error.message}`;
      return new OutOfMemoryError(message, { allocatedByteLength });
    });
    this.#allocatedByteLength += byteLength;
    const live = new Set(specs);
    return specs.map((spec) => {
      const storage: GpuStorage = {
        buffer,
        byteOffset: spec.byteOffset,
        byteLength: spec.byteLength,
        maxOperandByteLength: this.gpu.limits.maxStorageBufferBindingSize,
        maxOperands: this.gpu.limits.maxStorageBuffersPerShaderStage,
        dispose: () => {
          if (!live.delete(spec) || live.size > 0) return;
          buffer.destroy();
          this.#allocatedByteLength -= byteLength;
        },
      };
      return tensorOf(storage, spec.dtype, spec.shape, spec.label);
    });
  }

  async write(tensor: Tensor, bytes: ArrayBufferView, byteOffset = 0): Promise<void> {
    this.#assertUsable();
    requireWhole(tensor, "write");
    requireRoom(tensor, { byteOffset, byteLength: bytes.byteLength });
    const { buffer, offset } = placeOf(tensor, { byteOffset });
    const whole = bytes.byteLength & ~3;
    const source = bytes.buffer as ArrayBuffer;
    this.#scoped(`write ${tensor.label}`, () => {
      this.gpu.queue.writeBuffer(buffer, offset, source, bytes.byteOffset, whole);
      if (whole === bytes.byteLength) return;
      // A 16-bit tensor with an odd count ends in half a word; its storage was rounded up to a whole one.
      const tail = new Uint8Array(4);
      tail.set(new Uint8Array(source, bytes.byteOffset + whole, bytes.byteLength - whole));
      this.gpu.queue.writeBuffer(buffer, offset + whole, tail);
    });
    this.#pendingWriteByteLength += bytes.byteLength;
    if (this.#pendingWriteByteLength < MAX_PENDING_WRITE_BYTE_LENGTH) return;
    this.#pendingWriteByteLength = 0;
    await this.settled();
  }

  async read(tensor: Tensor, rows = rowCount(tensor)): Promise<Float32Array> {
    requireReadable(tensor, "f32");
    return new Float32Array(await this.#readBytes(tensor, rows));
  }

  async readU32(tensor: Tensor, rows = rowCount(tensor)): Promise<Uint32Array> {
    requireReadable(tensor, "u32");
    return new Uint32Array(await this.#readBytes(tensor, rows));
  }

  async #readBytes(tensor: Tensor, rows: number): Promise<ArrayBuffer> {
    this.#assertUsable();
    const byteLength = rows * (tensor.shape.at(-1) ?? 1) * 4;
    const { buffer, offset } = placeOf(tensor, tensor.values);
    // Chains that have given up say so in their arenas.
    const arenas = [...this.#unreadArenas];
    this.#unreadArenas.clear();
    const stagedByteLength = byteLength + arenas.length * 4;
    this.#unreadRuns = 0;
    const staging = this.#takeStaging(stagedByteLength);
    this.#encode(`read ${tensor.label}`, (encoder) => {
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, byteLength);
      for (const [index, arena] of arenas.entries()) {
        encoder.copyBufferToBuffer(arena, GAVE_UP_WORD * 4, staging, byteLength + index * 4, 4);
      }
    });
    return this.#orLost(async () => {
      try {
        await Promise.all([staging.mapAsync(GPUMapMode.READ, 0, stagedByteLength), this.#lastScope]);
        this.#assertUsable();
        const all = staging.getMappedRange(0, stagedByteLength);
        const bytes = all.slice(0, byteLength);
        const gaveUp = new Uint32Array(all, byteLength).some((flag) => flag !== 0);
        staging.unmap();
        if (gaveUp) {
          this.#chainWorkgroupSize = undefined;
          throw new DeviceError(`${this.name} ${GAVE_UP}`);
        }
        this.#returnStaging(staging);
        return bytes;
      } catch (error) {
        staging.destroy();
        throw error;
      }
    });
  }

  copy(from: Tensor, to: Tensor): void {
    this.copyAll([[from, to]]);
  }

  copyAll(pairs: readonly (readonly [from: Tensor, to: Tensor])[]): void {
    const copies = pairs.map(([from, to]) => {
      const [source, target] = [requireRange(from, "copy"), requireRange(to, "copy to")];
      if (source.byteLength !== target.byteLength) {
        throw new ShapeError(`copy ${from.label} to ${to.label}: their sizes differ`);
      }
      return { source: placeOf(from, source), target: placeOf(to, target), byteLength: source.byteLength };
    });
    const between: GPUBuffer[] = [];
    this.#encode(`copy ${pairs.map(([{ label }]) => label).join(", ")}`, (encoder) => {
      for (const { source, target, byteLength } of copies) {
        if (source.buffer !== target.buffer) {
          encoder.copyBufferToBuffer(source.buffer, source.offset, target.buffer, target.offset, byteLength);
          continue;
        }
        // WebGPU copies from one buffer to another only.
        const buffer = this.gpu.createBuffer({
          size: byteLength,
          usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
        });
        between.push(buffer);
        encoder.copyBufferToBuffer(source.buffer, source.offset, buffer, 0, byteLength);
        encoder.copyBufferToBuffer(buffer, 0, target.buffer, target.offset, byteLength);
      }
    });
    for (const buffer of between) buffer.destroy();
  }

  clear(...tensors: Tensor[]): void {
    for (const tensor of tensors) requireWhole(tensor, "clear");
    this.#encode(`clear ${tensors.map(({ label }) => label).join(", ")}`, (encoder) => {
      for (const { storage } of tensors) {
        const { buffer, byteOffset, byteLength } = storage as GpuStorage;
        encoder.clearBuffer(buffer, byteOffset, byteLength);
      }
    });
  }

  async settled(): Promise<void> {
    await this.#orLost(() => Promise.all([this.gpu.queue.onSubmittedWorkDone(), this.#lastScope]));
    this.#assertUsable();
  }

  async prepare(program: Program): Promise<PreparedProgram> {
    this.#assertUsable();
    const steps = await this.#orLost(() =>
      this.#chainWorkgroupSize && program.outputs
        ? this.#prepareChains(program, program.outputs, this.#chainWorkgroupSize)
        : Promise.all(program.calls.map((call) => this.#prepareCall(call))),
    );
    this.#assertUsable();
    const own = new Set(steps.flatMap(({ chain }) => chain?.buffers ?? []));
    const prepared: WebGpuProgram = {
      label: program.label,
      callCount: program.calls.length,
      dispatchCount: steps.length,
      steps,
      dispose: () => {
        for (const buffer of own) {
          buffer.destroy();
          this.#unreadArenas.delete(buffer);
          this.#allocatedByteLength -= buffer.size;
        }
        own.clear();
      },
    };
    return prepared;
  }

  async run(programs: readonly PreparedProgram[], { tokens = 1, times = 1 }: RunOptions = {}): Promise<void> {
    this.#assertUsable();
    this.#setTokens(tokens);
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const steps = (programs as readonly WebGpuProgram[]).flatMap((program) => program.steps);
    for (let time = 0; time < times; time++) {
      for (const step of steps) this.#dispatch(pass, step, tokens);
    }
    pass.end();
    // What was encoded wrongly shows when the encoder finishes, so the scope need not be open before.
    this.gpu.pushErrorScope("validation");
    this.gpu.queue.submit([encoder.finish()]);
    const toError = ({ message }: GPUError) => new KernelError(programs.map(({ label }) => label).join(", "), message);
    this.#track(this.gpu.popErrorScope(), toError);
    // A run or two ahead keep the GPU busy; more would only fill the queue, and leave no turn for an abort to arrive. Where
    // each run is followed by a read, as in decoding, there is nothing to wait for.
    this.#unreadRuns++;
    if (this.#unreadRuns < 2) return;
    const runBefore = this.#lastRun;
    this.#lastRun = this.gpu.queue.onSubmittedWorkDone().catch(() => {}); // a loss is told by `lost`
    await runBefore;
  }

  async profile(
    programs: readonly PreparedProgram[],
    { tokens = 1 }: Pick<RunOptions, "tokens"> = {},
  ): Promise<KernelTime[]> {
    this.#requireTimestamps("profile");
    const calls = (programs as readonly WebGpuProgram[]).flatMap(({ label, steps }) =>
      steps.map((step) => ({ program: label, step })),
    );
    const times: KernelTime[] = [];
    // A query set has room for 4,096 timestamps.
    for (let start = 0; start < calls.length; start += 2048) {
      const part = calls.slice(start, start + 2048);
      const durations = await this.#durationsUs(
        part.map(({ step }) => [step]),
        tokens,
      );
      for (const [i, { program, step }] of part.entries()) {
        times.push({ program, kernel: step.kernel, durationUs: durations[i] as number });
      }
    }
    return times;
  }

  async time(
    programs: readonly PreparedProgram[],
    { tokens = 1, times = 1 }: Pick<RunOptions, "tokens" | "times"> = {},
  ): Promise<number> {
    this.#requireTimestamps("time");
    const steps = (programs as readonly WebGpuProgram[]).flatMap((program) => program.steps);
    const all = Array.from({ length: times }, () => steps).flat();
    const [durationUs] = await this.#durationsUs([all], tokens);
    return durationUs as number;
  }

  #requireTimestamps(what: string): void {
    this.#assertUsable();
    if (this.gpu.features.has("timestamp-query")) return;
    throw new DeviceError(`${what}: ${this.name} has no timestamps (WebGPU's timestamp-query); use wall time`);
  }

  /** Runs groups of steps, each in a pass of its own between two timestamps. */
  async #durationsUs(groups: readonly (readonly Step[])[], tokens: number): Promise<number[]> {
    this.#setTokens(tokens);
    const byteLength = groups.length * 16;
    const querySet = this.gpu.createQuerySet({ type: "timestamp", count: groups.length * 2 });
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = this.gpu.createBuffer({ size: byteLength, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = this.gpu.createBuffer({ size: byteLength, usage: MAP_READ | COPY_DST });
    try {
      this.#encode("profile", (encoder) => {
        for (const [i, steps] of groups.entries()) {
          const pass = encoder.beginComputePass({
            timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
          });
          for (const step of steps) this.#dispatch(pass, step, tokens);
          pass.end();
        }
        encoder.resolveQuerySet(querySet, 0, groups.length * 2, resolved, 0);
        encoder.copyBufferToBuffer(resolved, 0, staging, 0, byteLength);
      });
      return await this.#orLost(async () => {
        await Promise.all([staging.mapAsync(GPUMapMode.READ), this.#lastScope]);
        this.#assertUsable();
        const stamps = new BigUint64Array(staging.getMappedRange());
        return groups.map((_, i) => Number((stamps[2 * i + 1] as bigint) - (stamps[2 * i] as bigint)) / 1000);
      });
    } finally {
      for (const resource of [querySet, resolved, staging]) resource.destroy();
    }
  }

  #setTokens(tokens: number): void {
    if (tokens === this.#runTokens) return;
    this.gpu.queue.writeBuffer(this.#run, 0, new Uint32Array([tokens, 0, 0, 0]));
    this.#runTokens = tokens;
  }

  #dispatch(pass: GPUComputePassEncoder, step: Step, tokens: number): void {
    if (step.chain) {
      if (tokens !== 1) throw new KernelError(step.kernel, `a program with outputs runs one token, not ${tokens}`);
      this.#unreadArenas.add(step.chain.arena);
    }
    if (step.last.tokens !== tokens) {
      const workgroups = step.workgroups(tokens);
      // Beyond the limit a dispatch fails later and leaves zeros; say so now, and say which.
      if (Math.max(...workgroups) > this.gpu.limits.maxComputeWorkgroupsPerDimension) {
        throw new KernelError(step.kernel, `${workgroups.join(" × ")} workgroups are more than the device allows`);
      }
      step.last = { tokens, workgroups };
    }
    const [x, y, z] = step.last.workgroups;
    pass.setPipeline(step.pipeline);
    pass.setBindGroup(0, step.bindGroup);
    pass.dispatchWorkgroups(x, y, z);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#pipelines.settled();
    for (const staging of this.#staging) staging.destroy();
    this.gpu.destroy();
    await this.lost;
    // Node's binding never frees what devices are listened to with, nor whatever that refers to.
    this.gpu.removeEventListener("uncapturederror", this.#onUncapturedError);
  }

  async #prepareCall(call: KernelCall): Promise<Step> {
    const shader = call.shader(this.#traits);
    requireReadOrWritten(call.name, shader.bindings);
    const { pipeline, layout } = await this.#pipelines.get(call.name, shader);
    const entries = [
      { binding: 0, resource: { buffer: this.#run } },
      ...shader.bindings.map((binding, index) => ({ binding: index + 1, resource: resourceOf(binding) })),
    ];
    const bindGroup = await this.#createBindGroup(call.name, { layout, entries });
    const last = { tokens: -1, workgroups: [0, 0, 0] } as const;
    return { kernel: call.name, pipeline, bindGroup, workgroups: shader.workgroups, last };
  }

  /** Prepares the calls of a program over single tokens: as many as possible in one dispatch. */
  #prepareChains({ calls, label }: Program, outputs: readonly Tensor[], workgroupSize: number): Promise<Step[]> {
    const { limits } = this.gpu;
    const traits = { ...this.#traits, chained: true, maxWorkgroupSize: workgroupSize };
    const shaders = calls.map((call) => call.shader(traits));
    const parts = planChains(shaders, outputs, {
      workgroupSize,
      maxStorageBuffers: limits.maxStorageBuffersPerShaderStage,
      maxBindingByteLength: limits.maxStorageBufferBindingSize,
      maxWorkgroups: limits.maxComputeWorkgroupsPerDimension,
      maxWorkgroupByteLength: limits.maxComputeWorkgroupStorageSize,
    });
    return Promise.all(
      parts.map(({ start, plan }) =>
        plan ? this.#prepareChain(label, plan) : this.#prepareCall(calls[start] as KernelCall),
      ),
    );
  }

  async #prepareChain(label: string, plan: ChainPlan): Promise<Step> {
    const kernel = `${label}, ${plan.links.length} calls`;
    const linked = linkChain(plan);
    const accesses = ["read", "read_write", ...plan.variables.map(({ access }) => access)] as const;
    const { pipeline, layout } = await this.#pipelines.compile(kernel, linked.code, accesses);
    const { UNIFORM, STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const filled = (label: string, words: Uint32Array<ArrayBuffer>, usage: GPUBufferUsageFlags) => {
      const buffer = this.gpu.createBuffer({ label, size: words.byteLength, usage: usage | COPY_DST });
      this.#scoped(kernel, () => this.gpu.queue.writeBuffer(buffer, 0, words));
      this.#allocatedByteLength += words.byteLength;
      return buffer;
    };
    const arena = filled("chain arena", linked.arena, STORAGE | COPY_SRC);
    const own = [filled("chain rows", linked.rows, UNIFORM), filled("chain tiles", linked.tiles, STORAGE), arena];
    const buffers = [...own, ...plan.variables.map(({ buffer }) => buffer)];
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const bindGroup = await this.#createBindGroup(kernel, { layout, entries });
    const workgroups = [plan.tiles, 1, 1] as const;
    const last = { tokens: -1, workgroups };
    return { kernel, pipeline, bindGroup, workgroups: () => workgroups, last, chain: { arena, buffers: own } };
  }

  async #createBindGroup(label: string, descriptor: GPUBindGroupDescriptor): Promise<GPUBindGroup> {
    this.gpu.pushErrorScope("validation");
    const bindGroup = this.gpu.createBindGroup({ label, ...descriptor });
    const error = await this.gpu.popErrorScope();
    if (error) throw new KernelError(label, error.message);
    return bindGroup;
  }

  /** Encodes and submits one command. */
  #encode(what: string, command: (encoder: GPUCommandEncoder) => void): void {
    this.#scoped(what, () => {
      const encoder = this.gpu.createCommandEncoder({ label: what });
      command(encoder);
      this.gpu.queue.submit([encoder.finish()]);
    });
  }

  /** Does something whose errors are to be told under this name. */
  #scoped(what: string, act: () => void): void {
    this.gpu.pushErrorScope("validation");
    try {
      act();
    } finally {
      this.#track(this.gpu.popErrorScope(), ({ message }) => new DeviceError(`${what}: ${message}`));
    }
  }

  /** Waits; when the device is lost meanwhile, whatever the platform throws becomes the DeviceLostError. */
  async #orLost<T>(wait: () => Promise<T>): Promise<T> {
    try {
      return await wait();
    } catch (error) {
      // The loss may be told a moment after the first operation that it ends.
      const lost = await Promise.race([this.lost, new Promise<undefined>((done) => setTimeout(done, 10))]);
      this.#assertUsable();
      throw error instanceof CodedError ? error : (lost ?? error);
    }
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

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("WebGPU device");
    const failure = this.#failure;
    if (!failure) return;
    // A lost device stays lost; any other error is reported once.
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  #takeStaging(byteLength: number): GPUBuffer {
    const fitting = this.#staging.findIndex(({ size }) => size >= byteLength);
    const [kept] = fitting >= 0 ? this.#staging.splice(fitting, 1) : [];
    if (kept) return kept;
    return this.gpu.createBuffer({
      label: "staging",
      size: byteLength,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  #returnStaging(staging: GPUBuffer): void {
    if (staging.size > MAX_KEPT_STAGING_BYTE_LENGTH) {
      staging.destroy();
      return;
    }
    this.#staging.push(staging);
    if (this.#staging.length > MAX_KEPT_STAGING_BUFFERS) this.#staging.shift()?.destroy();
  }
}

/**
 * A WebGPU device on this machine's best adapter, hardware or software, with the largest limits it offers.
 *
 * @param found - the adapter to use; default the best one
 * @throws NoDeviceError when there is no adapter, or it gives no device, with the reason
 */
export async function createWebGpuDevice(found?: FoundAdapter): Promise<WebGpuDevice> {
  const { adapter, name, software, packedDot, chains } = found ?? (await requireAdapter());
  const { limits, features } = adapter;
  try {
    const gpu = await adapter.requestDevice({
      label: "tensor device",
      requiredFeatures: (["subgroups", "timestamp-query"] as const).filter((feature) => features.has(feature)),
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      },
    });
    return new WebGpuDevice(gpu, { name, software, packedDot, chains });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new NoDeviceError(`the WebGPU adapter ${name} gives no device: ${reason}; use the device "cpu"`, { cause });
  }
}

/** What is said of a device where a wait of a chain has been given up. */
const GAVE_UP =
  "has not let all workgroups of a chain go on, so what it computed is wrong; prepare the program again, or load the model again: " +
  "there will be no more chains on this device";

/** Lanes of every subgroup, or 0 where there are none or their number varies. */
function subgroupSizeOf({ features, adapterInfo }: GPUDevice): number {
  const { subgroupMinSize, subgroupMaxSize } = adapterInfo;
  return features.has("subgroups") && subgroupMinSize === subgroupMaxSize ? subgroupMaxSize : 0;
}
