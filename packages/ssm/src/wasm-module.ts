/**
 * The WebAssembly of this package, made of `assembly/`.
 */
import type { WasmModule } from "@blackmamba/tensor";
import { SSM_WASM } from "./ssm-wasm.generated.ts";

/** As the CPU device's engine takes it. */
export const ssmModule: WasmModule = { name: "@blackmamba/ssm", hex: SSM_WASM };
