/**
 * The hidden attention of a model's Mamba layers over one text: keeps what each layer's chunks leave in the scratch that layers share,
 * and makes the matrices of that once a layer has seen the whole text.
 */
import { createMambaAttentionScratch, type MambaAttentionScratch, recordMambaAttention } from "@blackmamba/ssm";
import { type Device, OutOfMemoryError, rows, type Tensor, type TensorPool } from "@blackmamba/tensor";
import type { ModelConfig } from "./config/config.ts";
import { mambaSizes } from "./forward/scratch.ts";
import type { ModelTable } from "./weights/weight-table.ts";

interface HiddenAttentionInputs {
  readonly device: Device;
  /** Where memory comes from: for each Mamba layer (dtRank + 2 · state) · tokens floats, and (inner + 64) · tokens for all. */
  readonly pool: TensorPool;
  readonly config: ModelConfig;
  readonly weights: ModelTable<Tensor>;
}

/** The matrices of one text. */
export class HiddenAttention {
  readonly #inputs: HiddenAttentionInputs;
  readonly #tokens: number;
  /** For each Mamba layer f32 [tokens, dtRank + 2 · state], filled from the top; `undefined` for a layer without Mamba. */
  readonly #dtBC: readonly (Tensor | undefined)[];
  readonly #scratch: MambaAttentionScratch;
  readonly #matrices: readonly (Float32Array | undefined)[];

  /** @throws OutOfMemoryError where there is no memory for the matrices */
  constructor(inputs: HiddenAttentionInputs, tokens: number) {
    const { pool, config } = inputs;
    const sizes = mambaSizes(config);
    this.#inputs = inputs;
    this.#tokens = tokens;
    this.#matrices = config.layers.map(({ mamba }, index) => (mamba ? createMatrix(tokens, index) : undefined));
    this.#dtBC = config.layers.map(({ mamba }, index) =>
      mamba ? pool.createTensor("f32", [tokens, sizes.dtRank + 2 * sizes.state], `layer ${index}.dtBC`) : undefined,
    );
    this.#scratch = createMambaAttentionScratch(pool, sizes, tokens);
  }

  /** Keeps what a layer's Mamba made of the tokens from `start` on, if it has one. */
  keep(layer: number, dtBC: Tensor, start: number): void {
    const kept = this.#dtBC[layer];
    if (kept) this.#inputs.device.copy(dtBC, rows(kept, start, start + (dtBC.shape[0] ?? 0)));
  }

  /** Computes a layer's matrix, if it has Mamba, of which all tokens have been kept. */
  async compute(layer: number, signal: AbortSignal | undefined): Promise<void> {
    const { device, config, weights } = this.#inputs;
    const dtBC = this.#dtBC[layer];
    const mixer = weights.layers[layer]?.mamba?.mixer;
    const matrix = this.#matrices[layer];
    if (!dtBC || !mixer || !matrix) return;
    const tokens = this.#tokens;
    for (const block of recordMambaAttention(mambaSizes(config), dtBC, mixer, this.#scratch)) {
      signal?.throwIfAborted();
      const program = await device.prepare(block.program);
      try {
        await device.run([program], { tokens: block.tokens, signal });
        const values = await device.read(block.out);
        const width = values.length / block.tokens;
        for (let row = 0; row < block.tokens; row++) {
          const own = values.subarray(row * width, row * width + Math.min(width, tokens - block.first));
          matrix.set(own, (block.first + row) * tokens + block.first);
        }
      } finally {
        program.dispose();
      }
    }
  }

  /** `[tokens × tokens]`, once it has been computed; `undefined` for a layer without Mamba. */
  matrix(layer: number): Float32Array | undefined {
    return this.#matrices[layer];
  }
}

/** Of zeros: what is not computed is above the diagonal. */
function createMatrix(tokens: number, layer: number): Float32Array {
  try {
    return new Float32Array(tokens * tokens);
  } catch (cause) {
    throw new OutOfMemoryError(
      `hidden attention of layer ${layer}: no memory for ${tokens} × ${tokens} numbers; ` +
        "trace a shorter text, or give hiddenAttention: false",
      { cause },
    );
  }
}
