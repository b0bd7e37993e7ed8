/**
 * `config.json` of the smallest model that has both kinds of layers.
 */

/** A Mamba layer and one of four experts. */
export const SMALL_CONFIG = {
  num_layers: 2,
  hidden_size: 32,
  state_size: 4,
  conv_dimension: 4,
  expansion_factor: 2,
  vocab_size: 64,
  ffn_hidden_size: 64,
  mamba_moe_layers: ["r", "4"],
  bias: false,
  add_bias_linear: false,
  swiglu: true,
};
