/**
 * Samplers over rows of logits: recorded for what they have to do, when that is first asked for. What each row wants is in its settings.
 */
import {
  createAdjustments,
  createSampleScratch,
  createSampleState,
  recordSample,
  type SampleAdjustments,
  type SampleKind,
  type SampleScratch,
  type SampleState,
} from "@blackmamba/kernels";
import { type Device, type PreparedProgram, Program, type Tensor, type TensorPool } from "@blackmamba/tensor";

/** What a row is sampled by, and what comes of it. */
export interface SamplingTensors extends SampleState {
  /** u32 [rows]: the id that was chosen last */
  readonly next: Tensor;
  /** What is known of each id of the vocabulary; only where a sampler wants it. */
  readonly adjustments: SampleAdjustments | undefined;
}

/** What samplers are recorded with. */
export interface SamplersInputs {
  readonly device: Device;
  readonly pool: TensorPool;
  /** f32 [rows, vocab] */
  readonly logits: Tensor;
  /** u32 [rows]: where the chosen ids go */
  readonly next: Tensor;
  /** How many of its last ids are kept of each row. */
  readonly kept: number;
}

/** Samplers of some rows. */
export class Samplers {
  /** u32 [rows, kept]: the last ids of each row, that of a step at step mod kept */
  readonly chosen: Tensor;
  readonly #inputs: SamplersInputs;
  readonly #rows: number;
  readonly #vocab: number;
  readonly #scratch: SampleScratch;
  readonly #samplers = new Map<string, Promise<PreparedProgram>>();
  #sampling: SamplingTensors;

  constructor(inputs: SamplersInputs) {
    const { pool, logits, next, kept } = inputs;
    const [rows, vocab] = logits.shape as [number, number];
    this.#inputs = inputs;
    this.#rows = rows;
    this.#vocab = vocab;
    this.#sampling = { ...createSampleState(pool, rows), next, adjustments: undefined };
    this.chosen = pool.createTensor("u32", [rows, kept], "chosen ids");
    this.#scratch = createSampleScratch(pool, rows, vocab);
  }

  /** A program that chooses an id for each row from the logits there are. */
  async program(kind: SampleKind): Promise<PreparedProgram> {
    const name = JSON.stringify(kind);
    let sampler = this.#samplers.get(name);
    if (!sampler) {
      const { device, pool, logits } = this.#inputs;
      const { adjustments, next, ...state } = this.samplingFor(kind);
      const program = new Program("sample");
      recordSample(program, { logits, state, adjustments, scratch: this.#scratch, next, chosen: this.chosen }, kind);
      sampler = device.prepare(program).then((prepared) => pool.keep(prepared));
      this.#samplers.set(name, sampler);
      sampler.catch(() => this.#samplers.delete(name));
    }
    return sampler;
  }

  /** What samplers of a kind work on: the first that adjusts logits has what it needs for that made. */
  samplingFor({ adjust }: Pick<SampleKind, "adjust">): SamplingTensors {
    if (adjust && !this.#sampling.adjustments) {
      const adjustments = createAdjustments(this.#inputs.pool, this.#rows, this.#vocab);
      this.#sampling = { ...this.#sampling, adjustments };
    }
    return this.#sampling;
  }
}
