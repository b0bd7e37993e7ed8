/**
 * The Mamba layer: its kernels, its state, and how they are composed.
 *
 * @packageDocumentation
 */
export { type CausalConvOperands, causalConv } from "./causal-conv/causal-conv.ts";
export {
  createMambaScratch,
  createMambaState,
  type MambaOperands,
  type MambaScratch,
  type MambaSizes,
  type MambaState,
  type MambaWeights,
  recordMamba,
} from "./mamba.ts";
export { type SelectiveScanOperands, selectiveScan } from "./selective-scan/selective-scan.ts";
