/**
 * `scan-step` in WebAssembly: `linear` for the time step, then the scan of one token in each sequence.
 */
import { linear } from "@blackmamba/kernels";
import type { HostOperands, WasmEngine } from "@blackmamba/tensor";
import { bindScan } from "../selective-scan/selective-scan.wasm.ts";
import type { ScanStepOperands } from "./scan-step.ts";

export function scanStepWasm(
  { u, z, lowRank, B, C, dtProj, dtBias, A, D, state }: HostOperands<ScanStepOperands>,
  _: unknown,
  engine: WasmEngine,
): ((tokens: number) => void) | undefined {
  const [capacity, inner] = u.shape;
  const dt = engine.workspace(capacity, inner);
  const none = { norm: undefined, expert: undefined, groups: undefined, scale: undefined };
  const timeStep = { out: dt, x: lowRank, weights: dtProj, bias: dtBias, ...none };
  const multiply = linear.wasm?.(timeStep, { activation: "softplus" }, engine);
  if (!multiply) return undefined;
  const scan = bindScan(engine, { out: u, u, dt, A, B, C, D, z, state });
  return (runTokens) => {
    const tokens = Math.min(runTokens, capacity);
    multiply(tokens);
    scan(tokens, 1);
  };
}
