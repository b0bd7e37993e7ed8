/** What fuzz tests ask of a reader: a damaged file is read consistently or refused on purpose, and nothing else happens. */

import { CodedError, storageLayout } from "@blackmamba/tensor";
import { bytesSource } from "../byte-source.ts";
import { openCheckpoint } from "../open-checkpoint.ts";

/** An expanded tensor may rightly be larger than its file; that much of it is read. */
const MAX_READ_BYTE_LENGTH = 1 << 20;

/** "read", or the code of the refusal. Throws on anything else: another error, a chunk out of order, bytes too few. */
export async function readOrRefuse(file: Uint8Array): Promise<string> {
  try {
    const checkpoint = await openCheckpoint(bytesSource(file, "fuzzed"));
    for (const { name, dtype, shape, chunks } of checkpoint.tensors.values()) {
      const { values, scales } = storageLayout(dtype, shape);
      let next = 0;
      for await (const { byteOffset, bytes } of chunks({ chunkByteLength: 4096 })) {
        if (next === values.byteLength && scales) next = scales.byteOffset;
        if (byteOffset !== next) throw new Error(`${name}: chunk at ${byteOffset}, expected at ${next}`);
        next += bytes.byteLength;
        if (next > MAX_READ_BYTE_LENGTH) break;
      }
      const end = scales && scales.byteLength > 0 ? scales.byteOffset + scales.byteLength : values.byteLength;
      if (next !== end && next <= MAX_READ_BYTE_LENGTH) throw new Error(`${name}: ${next} bytes of ${end}`);
    }
    return "read";
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}
