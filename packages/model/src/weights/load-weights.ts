/**
 * Streams a checkpoint's tensors onto a device, chunk by chunk, after checking that they are the ones the model needs.
 */
import {
  type Checkpoint,
  type CheckpointTensor,
  type ChunkOptions,
  DEFAULT_CHUNK_BYTE_LENGTH,
  decodeTensor,
  requireTensor,
} from "@blackmamba/checkpoint";
import { type Device, type DType, storageLayout, type Tensor } from "@blackmamba/tensor";
import { ModelWeightsError } from "../errors.ts";
import { createWeights } from "./create-weights.ts";
import { severalAtOnce } from "./several-at-once.ts";
import type { Weight } from "./weight.ts";
import { type ModelTable, weightsOf } from "./weight-table.ts";

/** While one is written to the device, others are on their way; each holds a chunk of 8 MiB or two. */
const LOADS_AT_ONCE = 4;

/** How far loading has come. */
export interface LoadProgress {
  /** Bytes of the checkpoint's tensors that are on the device. */
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** The tensor that was just loaded, by its name in the checkpoint. */
  readonly tensor: string;
}

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Called once, with what is returned at the end, when the tensors are there and hold nothing yet. */
  readonly onPlaced?: ((weights: ModelTable<Tensor>) => void) | undefined;
}

/**
 * Throws unless the checkpoint has the tensors of the table, of the right shapes, and no others.
 *
 * @throws ModelWeightsError naming the tensor
 */
export function checkWeights(checkpoint: Checkpoint, table: ModelTable<Weight>): void {
  const weights = presentWeights(checkpoint, table);
  for (const { names, shape } of weights) {
    for (const name of names) checkTensor(checkpoint, requireTensor(checkpoint, name), shape);
  }
  const expected = new Set(weights.flatMap(({ names }) => names));
  const unexpected = [...checkpoint.tensors.keys()].filter((name) => !expected.has(name));
  if (unexpected.length > 0) {
    const more = unexpected.length > 1 ? ` (and ${unexpected.length - 1} more)` : "";
    throw new ModelWeightsError(
      `${checkpoint.name}: tensor ${unexpected[0]}${more} is unexpected: the configuration has no place for it; ` +
        "do config.json and the weights belong together?",
    );
  }
}

/** The weights of a table, or of a part of one, less the optional ones that the checkpoint lacks. */
export function presentWeights(checkpoint: Checkpoint, table: object): Weight[] {
  return weightsOf(table).filter(({ names, optional }) => !optional || checkpoint.tensors.has(String(names[0])));
}

/** A weight, the tensors of the checkpoint that it is made of, and what it becomes on the device. */
export interface DeviceWeight {
  readonly weight: Weight;
  readonly sources: readonly CheckpointTensor[];
  readonly dtype: DType;
}

/** What becomes of each weight that is there. */
export function deviceWeights(checkpoint: Checkpoint, table: ModelTable<Weight>): DeviceWeight[] {
  return presentWeights(checkpoint, table).map((weight) => {
    const sources = weight.names.map((name) => requireTensor(checkpoint, name));
    return { weight, sources, dtype: deviceDType(weight, sources) };
  });
}

/**
 * Loads every weight of the table.
 *
 * @returns the same structure with a tensor in each place, `undefined` for an optional weight that is not there
 */
export async function loadWeights(
  device: Device,
  checkpoint: Checkpoint,
  table: ModelTable<Weight>,
  { signal, onProgress, onPlaced }: LoadWeightsOptions = {},
): Promise<ModelTable<Tensor>> {
  checkWeights(checkpoint, table);
  const totalBytes = [...checkpoint.tensors.values()].reduce((sum, tensor) => sum + byteLength(tensor), 0);
  let loadedBytes = 0;
  const weights = deviceWeights(checkpoint, table);
  const buffers: Uint8Array[] = [];
  const load = async ({ weight, sources, dtype, tensor }: LoadedWeight, running: AbortSignal): Promise<void> => {
    const into = buffers.pop() ?? new Uint8Array(DEFAULT_CHUNK_BYTE_LENGTH);
    for (const [index, source] of sources.entries()) {
      running.throwIfAborted();
      const place = { index, count: sources.length, turns: weight.turns };
      await (dtype === source.dtype && weight.form !== "-exp"
        ? streamTensor(device, tensor, source, place, { signal: running, into })
        : widenTensor(device, tensor, source, place, weight.form, running));
      loadedBytes += byteLength(source);
      onProgress?.({ loadedBytes, totalBytes, tensor: source.name });
    }
    buffers.push(into);
  };
  // As they lie in the file: one that is being fetched comes from its front.
  const positions = new Map([...checkpoint.tensors.keys()].map((name, index) => [name, index]));
  const positionOf = ({ weight }: LoadedWeight) => positions.get(String(weight.names[0])) ?? 0;
  return createWeights(device, table, weights, async (created, placed) => {
    onPlaced?.(placed);
    const inFileOrder = [...created].sort((a, b) => positionOf(a) - positionOf(b));
    return severalAtOnce(inFileOrder, LOADS_AT_ONCE, load, signal);
  });
}

interface LoadedWeight extends DeviceWeight {
  readonly tensor: Tensor;
}

/** Frees every tensor of a loaded table. */
export function disposeWeights(table: ModelTable<Tensor>): void {
  for (const value of Object.values(table)) disposeWithin(value);
}

function disposeWithin(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  if ("storage" in node) (node as Tensor).storage.dispose();
  else for (const value of Object.values(node)) disposeWithin(value);
}

/** What a weight is stored as: its own type, if that is what the device wants and all its parts share it. */
function deviceDType({ form, turns }: Weight, sources: readonly CheckpointTensor[]): DType {
  const [first] = sources;
  if (form !== "stored" || !first) return "f32";
  if (sources.some(({ dtype }) => dtype !== first.dtype)) return "f32";
  // Writes start at multiples of 4 bytes; of a stack of odd 16-bit matrices, every other one would not.
  return sources.length === 1 || partsAreAligned(first, turns) ? first.dtype : "f32";
}

function partsAreAligned({ dtype, shape }: CheckpointTensor, turns: number): boolean {
  const { values, scales } = storageLayout(dtype, shape);
  return (values.byteLength / turns) % 4 === 0 && ((scales?.byteLength ?? 0) / turns) % 4 === 0;
}

/** Which of a weight's tensors it is, of how many, and of how many parts each is made that take turns. */
interface Place {
  readonly index: number;
  readonly count: number;
  readonly turns: number;
}

/** Writes bytes from `start` on of a tensor, of `byteLength` in all, each part of it to where that belongs. */
async function writeInTurns(
  { index, count, turns }: Place,
  { start, byteLength }: { readonly start: number; readonly byteLength: number },
  bytes: Uint8Array,
  write: (bytes: Uint8Array, byteOffset: number) => Promise<void>,
): Promise<void> {
  const part = byteLength / turns;
  for (let done = 0; done < bytes.byteLength; ) {
    const turn = Math.floor((start + done) / part);
    const within = start + done - turn * part;
    const length = Math.min(bytes.byteLength - done, part - within);
    await write(bytes.subarray(done, done + length), (turn * count + index) * part + within);
    done += length;
  }
}

/** Bytes as they are. */
async function streamTensor(
  device: Device,
  tensor: Tensor,
  source: CheckpointTensor,
  place: Place,
  options: ChunkOptions,
): Promise<void> {
  const own = storageLayout(source.dtype, source.shape);
  for await (const { byteOffset, bytes } of source.chunks(options)) {
    const isScales = own.scales !== undefined && byteOffset >= own.scales.byteOffset;
    const [from, to] = isScales ? [own.scales, tensor.scales] : [own.values, tensor.values];
    const range = { start: byteOffset - (from?.byteOffset ?? 0), byteLength: from?.byteLength ?? 0 };
    await writeInTurns(place, range, bytes, (part, at) => device.write(tensor, part, (to?.byteOffset ?? 0) + at));
  }
}

/** Small weights, as float32. */
async function widenTensor(
  device: Device,
  tensor: Tensor,
  source: CheckpointTensor,
  place: Place,
  form: Weight["form"],
  signal: AbortSignal | undefined,
): Promise<void> {
  const decoded = await decodeTensor(source, { signal });
  const values = form === "-exp" ? decoded.map((value) => -Math.exp(value)) : decoded;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  await writeInTurns(place, { start: 0, byteLength: bytes.byteLength }, bytes, (part, at) =>
    device.write(tensor, part, at),
  );
}

function checkTensor(checkpoint: Checkpoint, tensor: CheckpointTensor, expected: readonly number[]): void {
  if (tensor.dtype === "u32") {
    throw new ModelWeightsError(
      `${checkpoint.name}: tensor ${tensor.name}: expected a float type, found 32-bit integers; use the model's own file`,
    );
  }
  const fits = tensor.shape.length === expected.length && expected.every((size, i) => size === tensor.shape[i]);
  if (fits) return;
  throw new ModelWeightsError(
    `${checkpoint.name}: tensor ${tensor.name} has the wrong shape: the configuration asks for [${expected.join(", ")}], ` +
      `the file has [${tensor.shape.join(", ")}]; do config.json and the weights belong together?`,
  );
}

/** Bytes of a tensor in the checkpoint, without padding. */
export function byteLength({ dtype, shape }: CheckpointTensor): number {
  const { values, scales } = storageLayout(dtype, shape);
  return values.byteLength + (scales?.byteLength ?? 0);
}
