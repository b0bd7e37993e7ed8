/** Pieces of bytes as one array. */

/** The first `byteLength` bytes of the pieces, or all where there are fewer. What follows is not asked for. */
export async function collect(pieces: AsyncIterable<Uint8Array>, byteLength: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  let done = 0;
  if (byteLength === 0) return bytes;
  for await (const piece of pieces) {
    const part = piece.subarray(0, byteLength - done);
    bytes.set(part, done);
    done += part.byteLength;
    if (done === byteLength) break;
  }
  return bytes.subarray(0, done);
}
