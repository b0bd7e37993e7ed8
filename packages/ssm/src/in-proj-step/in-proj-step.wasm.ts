/**
 * `in-proj-step` in WebAssembly: `linear`, then the convolution of one token in each sequence.
 */
import { linear } from "@blackmamba/kernels";
import { f32, type HostOperands, type WasmEngine } from "@blackmamba/tensor";
import { bindConv } from "../causal-conv/causal-conv.wasm.ts";
import type { InProjStepOperands, InProjStepParams } from "./in-proj-step.ts";

export function inProjStepWasm(
  { u, z, x, norm, weights, bias, conv, convBias, state }: HostOperands<InProjStepOperands>,
  { epsilon }: InProjStepParams,
  engine: WasmEngine,
): ((tokens: number) => void) | undefined {
  const [capacity, inner] = u.shape;
  const v = engine.workspace(capacity, 2 * inner);
  const none = { expert: undefined, groups: undefined, scale: undefined };
  const multiply = linear.wasm?.({ out: v, x, weights, norm, bias, ...none }, { epsilon }, engine);
  if (!multiply) return undefined;
  const convolve = bindConv(engine, { out: u, x: v, weight: conv, bias: convBias, state });
  const [from, to] = [f32(v), f32(z)];
  return (runTokens) => {
    const tokens = Math.min(runTokens, capacity);
    multiply(tokens);
    convolve(tokens, 1);
    for (let t = 0; t < tokens; t++) {
      const start = t * 2 * inner + inner;
      to.set(from.subarray(start, start + inner), z.offset + t * z.rowStride);
    }
  };
}
