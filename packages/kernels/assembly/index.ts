/**
 * What `@blackmamba/kernels` has in WebAssembly. Each function is a task that threads share: f(args, from, to, scratch) does a
 * part of the work that the arguments at address `args` describe; `scratch` is the thread's own memory.
 *
 * There is no heap and no state: everything is in memory that the CPU device hands out. `npm run wasm` compiles this.
 */
export { activate, cut, matMul, matVec } from "./linear";
export { norm } from "./norm";
