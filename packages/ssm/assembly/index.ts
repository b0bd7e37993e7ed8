/**
 * What `@blackmamba/ssm` has in WebAssembly: tasks as in `packages/kernels/assembly/index.ts`.
 */
export { causalConv } from "./causal-conv";
export { hiddenAttention } from "./hidden-attention";
export { selectiveScan } from "./selective-scan";
