/**
 * Reads, quantises and writes model checkpoints by byte range. Files by path are in `@blackmamba/checkpoint/node`.
 *
 * @packageDocumentation
 * @mergeModuleWith <project>
 */
export { type ByteSink, writeAll } from "./byte-sink.ts";
export {
  type ByteSource,
  type ByteSourceLike,
  blobSource,
  bytesSource,
  checkRange,
  type FileFolder,
  type ReadOptions,
  type ReadRangeOptions,
  toByteSource,
} from "./byte-source.ts";
export { castTensor, type FloatDType, isFloat } from "./cast-tensor.ts";
export {
  type Checkpoint,
  type CheckpointTensor,
  type ChunkOptions,
  DEFAULT_CHUNK_BYTE_LENGTH,
  requireTensor,
  type TensorChunk,
} from "./checkpoint.ts";
export { decodeTensor } from "./decode-tensor.ts";
export * from "./errors.ts";
export { type GgufCheckpoint, openGguf } from "./gguf/gguf-checkpoint.ts";
export { EncodedGgufValue, type GgufArray, type GgufScalar, type GgufValue } from "./gguf/gguf-values.ts";
export { type WriteGgufOptions, writeGguf } from "./gguf/write-gguf.ts";
export { type JsonSize, jsonSize } from "./json-size.ts";
export { openCheckpoint } from "./open-checkpoint.ts";
export type { QuantizedBlocks } from "./quantize/blocks.ts";
export { dequantizeQ4_0, quantizeQ4_0 } from "./quantize/q4-0.ts";
export { dequantizeQ8_0, quantizeQ8_0 } from "./quantize/q8-0.ts";
export { quantizedTensor } from "./quantized-tensor.ts";
export { openSafetensors } from "./safetensors/safetensors-checkpoint.ts";
export {
  type WritableTensor,
  type WriteProgress,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from "./safetensors/write-safetensors.ts";
export { type OpenShardsOptions, openShards } from "./shards/open-shards.ts";
export { parseShardIndex, type ShardIndex, shardFiles } from "./shards/shard-index.ts";
export { type WriteShardsOptions, type WrittenShards, writeShards } from "./shards/write-shards.ts";
export { type TensorInfo, tensorFromBytes, tensorFromChunks } from "./tensor-from.ts";
export { crc32 } from "./torch/crc32.ts";
export {
  PickledGlobal,
  type PickleGlobals,
  PLAIN_GLOBALS,
  type ReadPickleOptions,
  readPickle,
} from "./torch/pickle.ts";
export { openTorchCheckpoint } from "./torch/torch-checkpoint.ts";
export { type WriteTorchOptions, writeTorch } from "./torch/write-torch.ts";
