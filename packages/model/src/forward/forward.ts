/**
 * The forward pass, recorded: embedding, layers, and the two ways to end it. It reads like the paper:
 *
 *   x = embedding[ids];   for each layer: x += mixer(RMSNorm(x));   logits = LayerNorm(x) · embeddingᵀ
 *
 * A plain Mamba ends with an RMSNorm, and may have an output layer of its own.
 */
import { norm, recordEmbedding, recordLinear } from "@blackmamba/kernels";
import { type ExpertWeights, type RoutingScratch, recordExpertsDown, recordExpertsUp } from "@blackmamba/moe";
import { recordMambaSequence, recordMambaStep } from "@blackmamba/ssm";
import { type Device, type PreparedProgram, Program, type Tensor, type TensorPool } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import type { ExpertTable, ModelTable } from "../weights/weight-table.ts";
import { createScratch, expertSizes, mambaSizes, type Scratch, type TokenOrder } from "./scratch.ts";
import type { SequenceState } from "./state.ts";

/** What is recorded against: the weights, and the state that the programs step. */
export interface ForwardInputs {
  readonly device: Device;
  /** Where scratch and logits come from. */
  readonly pool: TensorPool;
  readonly config: ModelConfig;
  readonly weights: ModelTable<Tensor>;
  /** As many slots as the order of the tokens asks for. */
  readonly state: SequenceState;
}

/** A recorded forward pass over up to `capacity` tokens. Its tensors are there; each program is prepared when it is first asked for. */
export interface Forward {
  readonly capacity: number;
  readonly ids: Tensor;
  /** f32 [capacity, hidden]: the residual stream as the last program of `layers` left it. */
  readonly residual: Tensor;
  /** All of it, with the logits or, where that is less work, without: as the device runs it fastest. */
  programs(logits: boolean): Promise<readonly PreparedProgram[]>;
  /** The same without the logits as the embedding, then one program per layer: to look at what is between them. */
  layers(): Promise<readonly PreparedProgram[]>;
  /** f32 [capacity, dtRank + 2 · state]: what a layer's Mamba made dt of, and B and C, after the layer's own program has run. */
  readonly dtBC: Tensor;
  /** Where each layer's routing is after its own program has run. */
  readonly routing: readonly (RoutingScratch | undefined)[];
  /** Logits of the last token, or of each where each belongs to a sequence of its own: the final norm and the output layer. */
  readonly last: Head;
}

/** An end of the forward pass. */
export interface Head {
  /** Prepared when it is first asked for. */
  program(): Promise<PreparedProgram>;
  /** f32 [rows, vocab] */
  readonly logits: Tensor;
  /** Records the same in another program. */
  record(program: Program): void;
}

/** Records the forward pass over up to `capacity` tokens. */
export function createForward(inputs: ForwardInputs, capacity: number, order: TokenOrder): Forward {
  const { device, pool, config, weights } = inputs;
  // Where each token is the last of a sequence, what becomes of it is a part of that one's state.
  const scratch = createScratch(pool, config, capacity, order, order === "each" ? inputs.state.residual : undefined);
  const { residual, ids } = scratch;
  const prepare = async (program: Program) => pool.keep(await device.prepare(program));
  const parts: { readonly label: string; record(program: Program): void }[] = [
    {
      label: "embedding",
      record: (program) => recordEmbedding(program, { out: residual, ids, table: weights.embedding }),
    },
    ...config.layers.map((_, index) => ({
      label: `layer ${index}`,
      record: (program: Program) => recordLayer(program, inputs, scratch, index),
    })),
  ];
  const layers = once(() =>
    Promise.all(
      parts.map(({ label, record }) => {
        const program = new Program(label);
        record(program);
        return prepare(program);
      }),
    ),
  );
  const last = createHead(inputs, residual, {
    rows: order === "each" ? capacity : 1,
    lastOnly: order === "sequence",
  });
  // While text is made token by token nobody looks at what is between two layers.
  const whole = once(async () => {
    const program = new Program("token", { outputs: [last.logits, residual] });
    for (const { record } of parts) record(program);
    last.record(program);
    return [await prepare(program)];
  });
  const inParts = async (logits: boolean) =>
    logits ? (await Promise.all([layers(), last.program()])).flat() : layers();
  return {
    capacity,
    ids,
    residual,
    programs: capacity === 1 ? whole : inParts,
    layers,
    dtBC: scratch.mamba.scratch.dtBC,
    routing: config.layers.map(({ experts }) => scratch.experts.get(experts)?.routing),
    last,
  };
}

/** Records the logits of the first `rows` tokens of a residual stream, or with `lastOnly` of the run's last token. */
export function createHead(
  { device, pool, config, weights }: ForwardInputs,
  residual: Tensor,
  { rows, lastOnly }: { readonly rows: number; readonly lastOnly: boolean },
): Head {
  const { hidden, vocab, epsilon, finalNorm: kind } = config;
  const out = pool.createTensor("f32", [rows, hidden], "finalNorm");
  const logits = pool.createTensor("f32", [rows, vocab], "logits");
  const x = lastOnly ? residual : firstRows(residual, rows);

  const record = (program: Program) => {
    program.call(norm, { out, x, ...weights.finalNorm }, { kind, epsilon, lastOnly });
    const matrix = weights.output ?? weights.embedding;
    recordLinear(program, { out: logits, x: out, weights: matrix, bias: weights.outputBias });
  };
  const program = once(async () => {
    const recorded = new Program(lastOnly ? "last logits" : "logits");
    record(recorded);
    return pool.keep(await device.prepare(recorded));
  });
  return { program, logits, record };
}

/** Makes something when it is first asked for. What failed for a passing reason may be tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    if (!made) {
      made = make();
      made.catch(() => {
        made = undefined;
      });
    }
    return made;
  };
}

/** x += mamba(RMSNorm(x)), x += experts(RMSNorm(x)), or both from the same x. */
function recordLayer(
  program: Program,
  { config, weights, state }: ForwardInputs,
  scratch: Scratch,
  index: number,
): void {
  const { mamba, experts } = weights.layers[index] ?? {};
  const { residual } = scratch;
  const { epsilon } = config;

  const expertScratch = scratch.experts.get(config.layers[index]?.experts ?? 0);
  const expertOperands =
    experts && expertScratch
      ? { residual, weights: expertWeights(experts, config.gating), scratch: expertScratch, epsilon }
      : undefined;
  // Both mixers read the residual stream before either changes it.
  if (expertOperands) recordExpertsUp(program, expertSizes(config), expertOperands);
  const mambaState = state.layers[index];
  if (mamba && mambaState) {
    const operands = { residual, weights: { norm: mamba.norm, ...mamba.mixer }, state: mambaState, epsilon };
    const { order, scratch: own } = scratch.mamba;
    if (order === "each") recordMambaStep(program, mambaSizes(config), { ...operands, scratch: own });
    else recordMambaSequence(program, mambaSizes(config), { ...operands, scratch: own });
  }
  if (expertOperands) recordExpertsDown(program, expertOperands);
}

function expertWeights({ norm: weight, mixer }: ExpertTable<Tensor>, gating: ModelConfig["gating"]): ExpertWeights {
  const { router, ...matrices } = mixer;
  return { norm: weight, ...matrices, router: router && { ...router, gating } };
}

/** The first rows of a tensor that was allocated for more. */
export function firstRows(tensor: Tensor, rows: number): Tensor {
  const [, width = 1] = tensor.shape;
  return { ...tensor, shape: [rows, width] };
}
