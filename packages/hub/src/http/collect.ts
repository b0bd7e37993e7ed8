/** Pieces of bytes as one array. */

/** The first `byteLength` bytes of the pieces, or all where there are fewer. */
export async function collect(pieces: AsyncIterable<Uint8Array>, byteLength: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  let done = 0;
  if (byteLength === 0) return bytes;
  for await (const piece of pieces) {
    // Not as soon as there is enough: pieces that end by themselves leave a connection that can be used again.
    if (done === byteLength) break;
    const part = piece.subarray(0, byteLength - done);
    bytes.set(part, done);
    done += part.byteLength;
  }
  return bytes.subarray(0, done);
}
