/**
 * Chooses, after each of several tokens of one sequence, the id that would follow there: for drafts, of which one run tells how far they
 * are right.
 */
import type { Device, Tensor, TensorPool } from "@blackmamba/tensor";
import { firstRows } from "./forward.ts";
import { Samplers } from "./samplers.ts";
import type { SequenceSampling } from "./sequence.ts";

/** Most tokens at a time: the last id of a text, and a draft of those after it. */
export const MAX_VERIFIED_TOKENS = 17;

/** What it is recorded with. */
export interface VerifierInputs {
  readonly device: Device;
  readonly pool: TensorPool;
  /** f32 [rows, vocab]: of a run over a sequence's tokens, a row for each. */
  readonly logits: Tensor;
}

/** Chooses after each token of a run. */
export class Verifier {
  readonly #device: Device;
  readonly #rows: number;
  readonly #vocab: number;
  readonly #samplers: Samplers;

  constructor({ device, pool, logits }: VerifierInputs) {
    const [rows, vocab] = logits.shape as [number, number];
    this.#device = device;
    this.#rows = Math.min(MAX_VERIFIED_TOKENS, rows);
    this.#vocab = vocab;
    const next = pool.createTensor("u32", [this.#rows], "next ids");
    this.#samplers = new Samplers({ device, pool, logits: firstRows(logits, this.#rows), next, kept: 1 });
  }

  /** The id that follows each row's token, chosen as its sampling says: all of one kind. Of logits that are there. */
  async choose(samplings: readonly SequenceSampling[]): Promise<Uint32Array> {
    const count = samplings.length;
    const [first] = samplings;
    if (!first || count > this.#rows) throw new RangeError(`expected 1 to ${this.#rows} samplings, found ${count}`);
    const sampler = await this.#samplers.program(first.kind);
    const { settings, steps, adjustments } = this.#samplers.samplingFor(first.kind);
    await this.#device.write(settings, concatenated(samplings.map((own) => own.settings)));
    await this.#device.write(
      steps,
      Uint32Array.from(samplings, ({ chosen }) => chosen),
    );
    const rowByteLength = this.#vocab * 4;
    for (const [row, { marks, bias }] of samplings.entries()) {
      if (adjustments && marks) await this.#device.write(adjustments.marks, marks, row * rowByteLength);
      if (adjustments && bias) await this.#device.write(adjustments.bias, bias, row * rowByteLength);
    }
    await this.#device.run([sampler], { tokens: count });
    return this.#device.readU32(this.#samplers.chosen, count);
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
