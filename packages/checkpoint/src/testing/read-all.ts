/** What fuzz targets do with a checkpoint: all that a user would, and whether it came out right. */
import { CodedError, storageLayout } from "@blackmamba/tensor";
import type { Checkpoint } from "../checkpoint.ts";

/** A view may rightly be larger than its file; that much of all tensors is read. */
const MAX_READ_BYTE_LENGTH = 1 << 20;

/** Reads the tensors in chunks, and small ones at once. Throws an `Error` on a chunk out of order, or bytes too few. */
export async function readAll(checkpoint: Checkpoint): Promise<void> {
  let left = MAX_READ_BYTE_LENGTH;
  for (const tensor of checkpoint.tensors.values()) {
    const { name, dtype, shape } = tensor;
    const { values, scales, byteLength } = storageLayout(dtype, shape);
    let next = 0;
    for await (const { byteOffset, bytes } of tensor.chunks({ chunkByteLength: 4096 })) {
      if (next === values.byteLength && scales) next = scales.byteOffset;
      if (byteOffset !== next) throw new Error(`${name}: chunk at ${byteOffset}, expected at ${next}`);
      if (bytes.byteLength === 0 || bytes.byteLength > 4096) throw new Error(`${name}: a chunk of ${bytes.byteLength}`);
      next += bytes.byteLength;
      left -= bytes.byteLength;
      if (left <= 0) return;
    }
    const end = scales && scales.byteLength > 0 ? scales.byteOffset + scales.byteLength : values.byteLength;
    if (next !== end) throw new Error(`${name}: ${next} bytes of ${end}`);
    if (byteLength < 4096) {
      const whole = await tensor.read();
      if (whole.byteLength !== byteLength)
        throw new Error(`${name}: ${whole.byteLength} bytes of ${byteLength} at once`);
    }
  }
  for (const [name, error] of checkpoint.refused ?? []) {
    if (!(error instanceof CodedError)) throw new Error(`${name} is refused with ${String(error)}`);
    if (checkpoint.tensors.has(name)) throw new Error(`${name} is refused and given`);
  }
  if (Object.getPrototypeOf(checkpoint.metadata) !== null) throw new Error("metadata has a prototype");
  await checkpoint.close();
}
