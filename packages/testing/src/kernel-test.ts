/**
 * The conformance test of a kernel: its reference, in this process, against every device and every shader variant.
 */
import {
  createCpuDevice,
  type Device,
  type DType,
  elementCount,
  f32ToBf16,
  f32ToF16,
  type Kernel,
  type Operands,
  Program,
  Q4_0_ZERO,
  QUANT_BLOCK,
  type QuantizedDType,
  storageLayout,
  type Tensor,
} from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import { testDeviceVariants } from "./devices.ts";
import { handOver } from "./hand-over.ts";
import { expectClose, randomNumbers } from "./numbers.ts";

/** Makes a case's tensors; each call in the same order gives the same numbers on every device. */
export interface TensorMaker {
  /** Random elements with standard deviation `deviation` (default 1), rounded to the dtype (default f32). */
  random(shape: readonly number[], options?: { dtype?: DType; deviation?: number }): Promise<Tensor>;
  /** The given elements. */
  of(values: ArrayLike<number>, shape: readonly number[], dtype?: "f32" | "u32"): Promise<Tensor>;
  /** Elements that a kernel has to overwrite: NaN, or all bits set. */
  poison(shape: readonly number[], dtype?: "f32" | "u32"): Promise<Tensor>;
}

/** One use of a kernel. */
export interface KernelCase<O extends Operands, P> {
  readonly name: string;
  operands(make: TensorMaker): Promise<O>;
  readonly params: P;
  /** Tokens of the run. Default 1. */
  readonly tokens?: number;
  /** Operands that the kernel writes, in the order of `expected`. */
  readonly outputs: readonly (keyof O & string)[];
  /** Known results, worked out by hand; left out, the reference is what to compare with. */
  readonly expected?: readonly (readonly number[])[];
  /** Largest relative error. Default 1e-6. */
  readonly tolerance?: number;
}

/** What u32 elements are filled with that a kernel has to overwrite. */
const POISON = 0xffffffff;

/** Runs each case on each device and compares. */
export function testKernel<O extends Operands, P>(kernel: Kernel<O, P>, cases: readonly KernelCase<O, P>[]): void {
  describe.each(testDeviceVariants())(`${kernel.name} on $label`, ({ open, chains = false }) => {
    test.each(cases)("$name", async (kernelCase) => {
      const { outputs, expected, tolerance = 1e-6 } = kernelCase;
      const found = await runCase(kernel, kernelCase, await open(), chains);
      const truth = expected ?? (await runCase(kernel, kernelCase, createCpuDevice({ referencesOnly: true })));
      for (const [index, name] of outputs.entries()) {
        const [values, wanted] = [found[index] ?? [], truth[index] ?? []];
        expect(values.length).toBe(wanted.length);
        // Elements that are not to be touched keep their poison.
        const isKept = (i: number) => Number.isNaN(wanted[i]) || wanted[i] === POISON;
        for (let i = 0; i < wanted.length; i++) if (isKept(i)) expect(values[i], `${name}[${i}]`).toBe(wanted[i]);
        const compared = (all: ArrayLike<number>) => Array.from(all).filter((_, i) => !isKept(i));
        expectClose(compared(values), compared(wanted), tolerance, name);
      }
    });
  });
}

async function runCase<O extends Operands, P>(
  kernel: Kernel<O, P>,
  { operands: makeOperands, params, tokens = 1, outputs }: KernelCase<O, P>,
  device: Device,
  chains = false,
): Promise<ArrayLike<number>[]> {
  const operands = await makeOperands(tensorMaker(device));
  const given = chains ? handedOver(kernel, operands, params) : [];
  const written = outputs.flatMap((name) => operands[name] ?? []).map((tensor) => ({ ...tensor, ...whole(tensor) }));
  const program = new Program(kernel.name, given.length > 0 ? { outputs: written } : {});
  for (const x of given) program.call(handOver, { x }, {});
  program.call(kernel, operands, params);
  const prepared = await device.prepare(program);
  if (given.length > 0 && prepared.dispatchCount !== 1) throw new Error(`${kernel.name}: this case is no chain`);
  await device.run([prepared], { tokens });
  prepared.dispose();
  const results = [];
  for (const name of outputs) {
    const output = operands[name];
    if (!output) throw new Error(`${kernel.name}: the case has no operand ${name}`);
    const all = { ...output, ...whole(output) };
    results.push(output.dtype === "u32" ? await device.readU32(all) : await device.read(all));
  }
  for (const operand of Object.values(operands)) operand?.storage.dispose();
  return results;
}

/** Buffers that a chain binds besides those of its calls. */
const CHAIN_BUFFERS = 2;

/**
 * What a kernel reads in a chain of what other calls make. Nothing where a device has not the buffers for a chain of tensors that
 * all have one of their own, as here: then the kernel runs alone.
 */
function handedOver<O extends Operands, P>(kernel: Kernel<O, P>, operands: O, params: P): Tensor[] {
  const traits = {
    ...{ software: false, subgroupSize: 4, packedDot: true, chained: true },
    ...{ maxWorkgroupSize: 256, maxWorkgroupByteLength: 32768 },
  };
  const { bindings } = kernel.shader(operands, params, traits);
  const variables = new Map<string, Tensor>();
  for (const { name, tensor, exchanged } of bindings) {
    const same = [...variables.values()].some(({ storage }) => exchanged && storage === tensor.storage);
    if (!same) variables.set(name, tensor);
  }
  if (variables.size + CHAIN_BUFFERS > Math.max(...bindings.map(({ tensor }) => tensor.storage.maxOperands))) return [];
  return bindings.filter(({ exchanged, access }) => exchanged && access === "read").map(({ tensor }) => tensor);
}

/** Makes a view all of its storage, so that what lies beside a view is compared as well. */
function whole({ rowStride, values }: Tensor): Pick<Tensor, "shape" | "offset"> {
  return { shape: [values.byteLength / 4 / rowStride, rowStride], offset: 0 };
}

function tensorMaker(device: Device): TensorMaker {
  let made = 0;
  const label = () => `tensor ${made++}`;
  return {
    async random(shape, { dtype = "f32", deviation = 1 } = {}) {
      const values = randomNumbers(made, elementCount(shape)).map((value) => value * deviation);
      const tensor = device.createTensor(dtype, shape, label());
      await device.write(tensor, CODECS[dtype](values, shape));
      return tensor;
    },
    async of(values, shape, dtype = "f32") {
      const tensor = device.createTensor(dtype, shape, label());
      await device.write(tensor, dtype === "f32" ? Float32Array.from(values) : Uint32Array.from(values));
      return tensor;
    },
    async poison(shape, dtype = "f32") {
      const tensor = device.createTensor(dtype, shape, label());
      await device.write(tensor, new Uint8Array(tensor.storage.byteLength).fill(0xff));
      return tensor;
    },
  };
}

/** How the test puts values into each dtype. */
const CODECS: Readonly<Record<DType, (values: Float32Array, shape: readonly number[]) => ArrayBufferView>> = {
  f32: (values) => values,
  u32: (values) => Uint32Array.from(values),
  f16: (values) => Uint16Array.from(values, f32ToF16),
  bf16: (values) => Uint16Array.from(values, f32ToBf16),
  q8_0: (values, shape) => encodeBlocks("q8_0", values, shape, 127),
  q4_0: (values, shape) => encodeBlocks("q4_0", values, shape, 7),
};

/** Quantised as is fit for a test: every block's largest magnitude becomes `largest`, and all elements round to nearest. */
function encodeBlocks(
  dtype: QuantizedDType,
  values: Float32Array,
  shape: readonly number[],
  largest: number,
): Uint8Array {
  const layout = storageLayout(dtype, shape);
  const bytes = new Uint8Array(layout.byteLength);
  const scales = new Uint16Array(bytes.buffer, layout.scales?.byteOffset ?? 0, values.length / QUANT_BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const own = values.subarray(block * QUANT_BLOCK, (block + 1) * QUANT_BLOCK);
    const scale = own.reduce((a, b) => Math.max(a, Math.abs(b)), 0) / largest;
    scales[block] = f32ToF16(scale);
    const quants = Int8Array.from(own, (value) => Math.round(value / scale));
    if (dtype === "q8_0") bytes.set(new Uint8Array(quants.buffer), block * QUANT_BLOCK);
    else bytes.set(nibbles(quants), (block * QUANT_BLOCK) / 2);
  }
  return bytes;
}

/** Pairs of elements of `q4_0`, the first in the lower half of the byte. */
function nibbles(quants: Int8Array): Uint8Array {
  const stored = (index: number) => Number(quants[index]) + Q4_0_ZERO;
  return Uint8Array.from({ length: quants.length / 2 }, (_, pair) => stored(2 * pair) | (stored(2 * pair + 1) << 4));
}
