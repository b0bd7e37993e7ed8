/**
 * A model's weights as a GGUF file has them: the same bytes under llama.cpp's names, experts stacked in one tensor.
 */
import {
  type Checkpoint,
  type CheckpointTensor,
  decodeTensor,
  requireTensor,
  tensorFromChunks,
} from "@blackmamba/checkpoint";
import { elementCount, storageLayout } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { ggufTable } from "../weights/gguf-table.ts";
import type { Weight } from "../weights/weight.ts";
import { weightTable } from "../weights/weight-table.ts";

/** Most bytes of a chunk. */
const CHUNK_BYTE_LENGTH = 8 << 20;

/** The tensors of a GGUF file for a checkpoint of another layout, in the order of the layers. */
export function ggufTensors(checkpoint: Checkpoint, config: ModelConfig): CheckpointTensor[] {
  // The checkpoint decides which optional biases there are.
  const pairs = pairsOf(
    weightTable(config),
    ggufTable({ ...config, layout: "gguf", projectionBias: hasProjectionBias() }),
  );
  const last = new LastRead();
  return pairs.flatMap(({ from, to }) => {
    if (from.optional && !checkpoint.tensors.has(String(from.names[0]))) return [];
    const sources = from.names.map((name) => requireTensor(checkpoint, name));
    return to.names.map((name, index) => tensorOf({ name, index, from, to }, sources, last));
  });

  function hasProjectionBias(): boolean {
    const { projectionBias, linearBias } = config;
    if (projectionBias === linearBias) return projectionBias;
    const mamba = weightTable(config).layers.find((layer) => layer.mamba)?.mamba;
    return checkpoint.tensors.has(String(mamba?.mixer.inProjBias?.names[0]));
  }
}

interface Pair {
  readonly from: Weight;
  readonly to: Weight;
}

/** Weights at the same places of two tables. */
function pairsOf(from: unknown, to: unknown): Pair[] {
  if (typeof from !== "object" || from === null || typeof to !== "object" || to === null) return [];
  if ("names" in from) return [{ from: from as Weight, to: to as Weight }];
  return Object.entries(from).flatMap(([key, value]) => pairsOf(value, (to as Record<string, unknown>)[key]));
}

/** One of the tensors of a pair's weight. */
interface Target extends Pair {
  readonly name: string;
  readonly index: number;
}

function tensorOf(target: Target, sources: readonly CheckpointTensor[], last: LastRead): CheckpointTensor {
  const { name, from, to } = target;
  const [first] = sources as [CheckpointTensor];
  const info = { name, shape: to.shape };
  if (to.form === "stored" && sources.every(({ dtype }) => dtype === first.dtype)) {
    const { dtype } = first;
    if (sources.length === 1 && to.names.length === 1) return { ...first, ...info };
    return tensorFromChunks({ ...info, dtype }, async function* ({ signal }) {
      const layout = storageLayout(dtype, to.shape);
      const own = storageLayout(dtype, from.shape);
      const parts = [
        [layout.values, own.values] as const,
        ...(layout.scales && own.scales ? [[layout.scales, own.scales] as const] : []),
      ];
      for (const [part, source] of parts) {
        const bytesPerElement = part.byteLength / elementCount(to.shape);
        let done = part.byteOffset;
        for (const { tensor, start, length } of ranges(target)) {
          signal?.throwIfAborted();
          const bytes = await last.of(from, sources[tensor] as CheckpointTensor);
          const at = source.byteOffset + start * bytesPerElement;
          for (let offset = 0; offset < length * bytesPerElement; offset += CHUNK_BYTE_LENGTH) {
            const end = Math.min(offset + CHUNK_BYTE_LENGTH, length * bytesPerElement);
            yield { byteOffset: done, bytes: bytes.subarray(at + offset, at + end) };
            done += end - offset;
          }
        }
      }
    });
  }
  return tensorFromChunks({ ...info, dtype: "f32" }, async function* ({ signal }) {
    let done = 0;
    for (const { tensor, start, length } of ranges(target)) {
      const decoded = await decodeTensor(sources[tensor] as CheckpointTensor, { signal });
      const own = decoded.slice(start, start + length);
      const values = from.form === "-exp" && to.form === "f32" ? own.map((value) => -Math.exp(value)) : own;
      yield { byteOffset: done, bytes: new Uint8Array(values.buffer) };
      done += values.byteLength;
    }
  });
}

/** Where a tensor's elements come from: ranges of elements of the pair's source tensors, in order. */
function* ranges({ index, from, to }: Target): Generator<{ tensor: number; start: number; length: number }> {
  const [own, other] = [elementCount(to.shape) / to.turns, elementCount(from.shape) / from.turns];
  for (let turn = 0; turn < to.turns; turn++) {
    // Its place among all elements of the weight.
    let at = (turn * to.names.length + index) * own;
    const end = at + own;
    while (at < end) {
      const slot = Math.floor(at / other);
      const within = at - slot * other;
      const length = Math.min(end - at, other - within);
      const part = Math.floor(slot / from.names.length);
      yield { tensor: slot % from.names.length, start: part * other + within, length };
      at += length;
    }
  }
}

/** Keeps what was read of one weight, until another is asked for: of a stack of experts, gates and values are made. */
class LastRead {
  #weight: Weight | undefined;
  readonly #read = new Map<CheckpointTensor, Promise<Uint8Array>>();

  of(weight: Weight, source: CheckpointTensor): Promise<Uint8Array> {
    if (weight !== this.#weight) this.#read.clear();
    this.#weight = weight;
    let bytes = this.#read.get(source);
    if (!bytes) {
      bytes = source.read();
      this.#read.set(source, bytes);
    }
    return bytes;
  }
}
