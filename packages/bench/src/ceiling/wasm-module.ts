/**
 * The WebAssembly of this package, made of `assembly/`.
 */
import type { WasmModule } from "@blackmamba/tensor";
import { BENCH_WASM } from "../bench-wasm.generated.ts";

/** As the CPU device's engine takes it. */
export const benchModule: WasmModule = { name: "@blackmamba/bench", hex: BENCH_WASM };
