/**
 * Chooses, after each of several tokens of one sequence, the id that would follow there: for drafts, of which one run tells how far they
 * are right.
 */
import {
  createAdjustments,
  createSampleScratch,
  createSampleState,
  recordSample,
  type SampleAdjustments,
  type SampleKind,
} from "@blackmamba/kernels";
import { type Device, type PreparedProgram, Program, type Tensor, type TensorPool } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { firstRows } from "./forward.ts";
import type { SequenceSampling } from "./sequence.ts";

/** Most tokens at a time: the last id of a text, and a draft of those after it. */
export const MAX_VERIFIED_TOKENS = 17;

/** What it is recorded with. */
export interface VerifierInputs {
  readonly device: Device;
  readonly pool: TensorPool;
  readonly config: ModelConfig;
  /** f32 [rows, vocab]: of a run over a sequence's tokens, a row for each. */
  readonly logits: Tensor;
}

/** Samplers over the rows of a run. */
export class Verifier {
  readonly #device: Device;
  readonly #pool: TensorPool;
  readonly #vocab: number;
  readonly #rows: number;
  readonly #logits: Tensor;
  readonly #state: ReturnType<typeof createSampleState>;
  readonly #scratch: ReturnType<typeof createSampleScratch>;
  readonly #next: Tensor;
  readonly #chosen: Tensor;
  #adjustments: SampleAdjustments | undefined;
  readonly #samplers = new Map<string, Promise<PreparedProgram>>();

  constructor({ device, pool, config, logits }: VerifierInputs) {
    const rows = Math.min(MAX_VERIFIED_TOKENS, logits.shape[0] as number);
    this.#device = device;
    this.#pool = pool;
    this.#vocab = config.vocab;
    this.#rows = rows;
    this.#logits = firstRows(logits, rows);
    this.#state = createSampleState(pool, rows);
    this.#scratch = createSampleScratch(pool, rows, config.vocab);
    this.#next = pool.createTensor("u32", [rows], "next ids");
    this.#chosen = pool.createTensor("u32", [rows, 1], "chosen ids");
  }

  /** The id that follows each row's token, chosen as its sampling says: all of one kind. Of logits that are there. */
  async choose(samplings: readonly SequenceSampling[]): Promise<Uint32Array> {
    const count = samplings.length;
    const [first] = samplings;
    if (!first || count > this.#rows) throw new RangeError(`expected 1 to ${this.#rows} samplings, found ${count}`);
    const sampler = await this.#sampler(first.kind);
    const steps = Uint32Array.from(samplings, ({ chosen }) => chosen);
    await this.#device.write(this.#state.settings, concatenated(samplings.map(({ settings }) => settings)));
    await this.#device.write(this.#state.steps, steps);
    if (this.#adjustments && first.kind.adjust) {
      const rowBytes = this.#vocab * 4;
      for (const [row, { marks, bias }] of samplings.entries()) {
        if (marks) await this.#device.write(this.#adjustments.marks, marks, row * rowBytes);
        if (bias) await this.#device.write(this.#adjustments.bias, bias, row * rowBytes);
      }
    }
    await this.#device.run([sampler], { tokens: count });
    const chosen = await this.#device.readU32(this.#chosen, count);
    return chosen.slice(0, count);
  }

  #sampler(kind: SampleKind): Promise<PreparedProgram> {
    const name = JSON.stringify(kind);
    let sampler = this.#samplers.get(name);
    if (!sampler) {
      if (kind.adjust) this.#adjustments ??= createAdjustments(this.#pool, this.#rows, this.#vocab);
      const program = new Program("verify");
      const operands = { logits: this.#logits, state: this.#state, scratch: this.#scratch, next: this.#next };
      recordSample(program, { ...operands, chosen: this.#chosen, adjustments: this.#adjustments }, kind);
      sampler = this.#device.prepare(program).then((prepared) => this.#pool.keep(prepared));
      this.#samplers.set(name, sampler);
      sampler.catch(() => this.#samplers.delete(name));
    }
    return sampler;
  }
}

function concatenated(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}
