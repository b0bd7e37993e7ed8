/** Bytes of an open file. */
import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";

/** All bytes of the range, which has to be there, in an array that the caller may keep. */
export async function readExactly(handle: FileHandle, byteOffset: number, byteLength: number): Promise<Uint8Array> {
  // Not zeroed first: it is given out only once every byte is filled.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer);
  for (let done = 0; done < byteLength; ) {
    const { bytesRead } = await handle.read(bytes, done, byteLength - done, byteOffset + done);
    if (bytesRead === 0) throw new Error("it has become shorter");
    done += bytesRead;
  }
  return bytes;
}
