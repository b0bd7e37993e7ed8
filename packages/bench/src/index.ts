/**
 * Measuring: what a device can do at best, what a kernel makes of it, and random tensors to measure with. Not here: the
 * measuring of whole models, which the command `blackmamba bench` does.
 *
 * @packageDocumentation
 */
export { type CopyWordsOperands, copyWords } from "./ceiling/copy-words.ts";
export { type FmaChainsOperands, fmaChains } from "./ceiling/fma-chains.ts";
export { type Ceiling, type MeasureOptions, measureCeiling } from "./ceiling/measure-ceiling.ts";
export {
  type KernelBench,
  type KernelBenchCase,
  type KernelBenchOptions,
  type KernelBenchResult,
  kernelBench,
  runKernelBench,
} from "./kernel-bench.ts";
export { PUBLISHED_SHAPES, type PublishedShape } from "./published-shapes.ts";
export { fillRandom, type RandomTensorOptions, RandomTensors, recordRandom } from "./random/random-tensor.ts";
export { fillRandomWords, type RandomFloatsParams } from "./random/random-words.cpu.ts";
export { median, type Summary, summarise } from "./statistics.ts";
export { weightBytes } from "./weight-bytes.ts";
