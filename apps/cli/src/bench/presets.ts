/** Shapes to measure, or to write, without a file: the published models' and the storyteller's, as their `config.json` has them. */

/** Names that `--preset` takes. */
export const PRESET_NAMES = ["1.5b", "2.8b", "storyteller"] as const;

export type PresetName = (typeof PRESET_NAMES)[number];

const COMMON = {
  state_size: 16,
  conv_dimension: 4,
  expansion_factor: 2,
  bias: false,
  add_bias_linear: false,
  swiglu: true,
};

/** What the published models were trained on; nothing in them limits the length. */
const LONG = { max_sequence_length: 2048 };

/** As many pairs of a Mamba layer and one with eight experts. */
const pairs = (count: number) => ({
  num_layers: 2 * count,
  mamba_moe_layers: Array.from({ length: count }, () => ["r", "8"]).flat(),
});

/** `config.json` of each. */
export const PRESETS: Readonly<Record<PresetName, object>> = {
  "1.5b": { ...COMMON, ...pairs(15), hidden_size: 1152, ffn_hidden_size: 3072, vocab_size: 50304, ...LONG },
  "2.8b": { ...COMMON, ...pairs(18), hidden_size: 1472, ffn_hidden_size: 3872, vocab_size: 50304, ...LONG },
  storyteller: {
    ...COMMON,
    ...pairs(6),
    hidden_size: 256,
    ffn_hidden_size: 576,
    vocab_size: 8192,
    max_sequence_length: 512,
  },
};

/** Parameters of each, in all and those that one token uses: known before anything is made. */
export const PRESET_PARAMETERS: Readonly<Record<PresetName, { readonly total: number; readonly active: number }>> = {
  "1.5b": { total: 1.458e9, active: 0.344e9 },
  "2.8b": { total: 2.783e9, active: 0.629e9 },
  storyteller: { total: 26.1e6, active: 7.5e6 },
};
