/**
 * The Mamba layer: its kernels, its state, and how they are composed.
 *
 * @packageDocumentation
 */
export { type CausalConvOperands, causalConv } from "./causal-conv/causal-conv.ts";
export { type HiddenAttentionOperands, hiddenAttention } from "./hidden-attention/hidden-attention.ts";
export { type InProjStepOperands, type InProjStepParams, inProjStep } from "./in-proj-step/in-proj-step.ts";
export { createMambaStates, type MambaOperands, type MambaSizes, type MambaState, type MambaWeights } from "./mamba.ts";
export {
  createMambaAttentionScratch,
  type MambaAttentionBlock,
  type MambaAttentionScratch,
  recordMambaAttention,
} from "./mamba-attention.ts";
export { createMambaSequenceScratch, type MambaSequenceScratch, recordMambaSequence } from "./mamba-sequence.ts";
export { createMambaStepScratch, type MambaStepScratch, recordMambaStep } from "./mamba-step.ts";
export { type ScanStepOperands, scanStep } from "./scan-step/scan-step.ts";
export { type SelectiveScanOperands, selectiveScan } from "./selective-scan/selective-scan.ts";
