import { CodedError } from "@blackmamba/tensor";
import {
  damageBytes,
  type FuzzTarget,
  type GgufTensor,
  ggufFile,
  hostileNumber,
  hostileText,
  type Random,
  type TypedValue,
} from "@blackmamba/testing/fuzz";
import { TokenizerError } from "@blackmamba/tokenizer";
import type { ModelConfig } from "../config/config.ts";
import { describeModel } from "../describe.ts";
import { openModel } from "../source/open-model.ts";
import { weightsOf, weightTable } from "../weights/weight-table.ts";

const CONFIG: ModelConfig = {
  ...{ layout: "gguf", hidden: 4, inner: 8, state: 2, taps: 2, dtRank: 1, ffn: 4, vocab: 8, epsilon: 1e-5 },
  layers: [
    { entry: "r", mamba: true, experts: 0 },
    { entry: "2", mamba: false, experts: 2 },
  ],
  ...{ gating: "sigmoid", gated: true, projectionBias: false, linearBias: false, finalNorm: "layer", tied: true },
};

const TENSORS: readonly GgufTensor[] = weightsOf(weightTable(CONFIG)).flatMap(({ names, shape }) =>
  names.map((name) => ({
    ...{ name, type: 0, sizes: [...shape].reverse() },
    bytes: new Uint8Array(4 * shape.reduce((product, size) => product * size, 1)),
  })),
);

const VALUES: Readonly<Record<string, TypedValue>> = {
  "general.architecture": [8, "blackmamba"],
  "blackmamba.block_count": [4, 2],
  "blackmamba.context_length": [4, 2048],
  "blackmamba.embedding_length": [4, 4],
  "blackmamba.attention.layer_norm_rms_epsilon": [6, 1e-5],
  "blackmamba.expert_gating_func": [4, 2],
  "blackmamba.ssm.conv_kernel": [4, 2],
  "blackmamba.ssm.inner_size": [4, 8],
  "blackmamba.ssm.state_size": [4, 2],
  "blackmamba.ssm.time_step_rank": [4, 1],
  "tokenizer.ggml.model": [8, "gpt2"],
  "tokenizer.ggml.pre": [8, "olmo"],
  "tokenizer.ggml.tokens": [9, 8, ["a", "b", "\u0120", "ab", "<s>", "__proto__", "t", "h"]],
  "tokenizer.ggml.token_type": [9, 5, [1, 1, 1, 1, 3, 4, 1, 1]],
  "tokenizer.ggml.merges": [9, 8, ["a b", "t h"]],
  "tokenizer.ggml.bos_token_id": [4, 4],
  "tokenizer.ggml.eos_token_id": [4, 4],
  "tokenizer.ggml.add_bos_token": [7, true],
};

const WHOLE = ggufFile({ values: VALUES, tensors: TENSORS });

/** A value of any type. */
function anyValue(random: Random): TypedValue {
  const kind = random.below(8);
  if (kind === 0) return [8, hostileText(random)];
  if (kind === 1) return [7, random.chance(0.5)];
  if (kind === 2) return [random.pick([10, 11]), BigInt.asIntN(63, BigInt(random.uint32()) ** 2n)];
  if (kind === 3) return [9, 8, random.list(0, 10, () => random.pick(["a", "a b", "  ", hostileText(random)]))];
  if (kind === 4) return [9, random.pick([0, 4, 5, 6, 12]), random.list(0, 10, () => hostileNumber(random))];
  if (kind === 5) return [9, 7, [true, false]];
  return [random.pick([0, 1, 4, 5, 6, 12]), hostileNumber(random)];
}

/** The model with metadata and tensors that contradict each other, or are not there. */
function made(random: Random): Uint8Array {
  const values: Record<string, TypedValue> = { ...VALUES };
  for (let left = random.between(0, 3); left > 0; left--) {
    const key = random.pick(Object.keys(values));
    if (random.chance(0.2)) delete values[key];
    else values[key] = anyValue(random);
  }
  const tensors = [...TENSORS];
  for (let left = random.below(3); left > 0; left--) {
    const at = random.below(tensors.length);
    const tensor = tensors[at] as GgufTensor;
    const kind = random.below(4);
    if (kind === 0) tensors.splice(at, 1);
    else if (kind === 1)
      tensors[at] = { ...tensor, name: random.pick(["blk.0.x", "output.weight", hostileText(random)]) };
    else if (kind === 2) tensors[at] = { ...tensor, type: random.pick([1, 2, 8, 12, 30]) };
    // No elements, so that other sizes may be anything.
    else tensors[at] = { ...tensor, sizes: [0, 2 ** random.below(50)], bytes: new Uint8Array() };
  }
  return ggufFile({ values, tensors });
}

export const target: FuzzTarget = {
  name: "gguf-model",
  files: 10_000,
  make: (random) => (random.chance(0.3) ? damageBytes(random, WHOLE) : made(random)),
  async read(file) {
    const { layers } = await describeModel({ weights: file });
    if (layers.length === 0) throw new Error("a model without layers");
    const { checkpoint, tokenizer } = await openModel({ weights: file });
    tokenizer?.decode(tokenizer.encodePrompt("ab ba <s>"));
    await checkpoint.close();
  },
  refusals: [CodedError, TokenizerError],
  outcomes: ["read", "ERR_MODEL_CONFIG", "ERR_MODEL_FILE", "ERR_MODEL_WEIGHTS", "ERR_CHECKPOINT_TRUNCATED"],
};
