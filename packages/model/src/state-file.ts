/**
 * A state as bytes: little-endian, a header of 64 bytes and the numbers.
 *
 * | byte | what                                                             |
 * | ---- | ---------------------------------------------------------------- |
 * | 0    | `bm-state`                                                       |
 * | 8    | u32: version, 1                                                  |
 * | 12   | u32: CRC-32 of all bytes from 16 on                              |
 * | 16   | the model's fingerprint, 16 hexadecimal digits                   |
 * | 32   | u64: tokens consumed                                             |
 * | 40   | u32: how many numbers follow the header; then zeros to byte 64   |
 * | 64   | f32: of each Mamba layer conv [taps − 1, inner] and ssm [inner, state], then the last token's residual [hidden] |
 *
 * Its length is that of the numbers; what they mean is the model's matter.
 */
import { crc32 } from "@blackmamba/checkpoint";
import { StateFileError } from "./errors.ts";

const MAGIC = "bm-state";
const VERSION = 1;
const HEADER_BYTE_LENGTH = 64;
const CHECKED_FROM = 16;

const OFFSET = { version: 8, checksum: 12, fingerprint: 16, position: 32, count: 40 } as const;
const FINGERPRINT_LENGTH = OFFSET.position - OFFSET.fingerprint;

/** What is in such bytes. */
export interface SavedState {
  /** Of the model that has made it. */
  readonly fingerprint: string;
  /** Tokens consumed. */
  readonly position: number;
  /** The numbers of each tensor. */
  readonly values: readonly Float32Array[];
}

/** The bytes of a state. */
export function encodeState({ fingerprint, position, values }: SavedState): Uint8Array {
  const count = values.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(HEADER_BYTE_LENGTH + count * 4);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  bytes.set(new TextEncoder().encode(fingerprint), OFFSET.fingerprint);
  view.setUint32(OFFSET.version, VERSION, true);
  view.setBigUint64(OFFSET.position, BigInt(position), true);
  view.setUint32(OFFSET.count, count, true);
  let at = HEADER_BYTE_LENGTH;
  for (const own of values) {
    for (const value of own) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  view.setUint32(OFFSET.checksum, crc32(bytes.subarray(CHECKED_FROM)), true);
  return bytes;
}

/**
 * What the bytes of a state hold.
 *
 * @param fingerprint - of the model that is to go on from it
 * @param lengths - of the tensors of that model's states
 * @throws StateFileError saying what is wrong with the bytes, or that they are of another model
 */
export function decodeState(
  bytes: Uint8Array,
  fingerprint: string,
  lengths: readonly number[],
): Omit<SavedState, "fingerprint"> {
  if (!(bytes instanceof Uint8Array)) {
    throw new StateFileError("a saved state", "the bytes that state.save() has made", typeof bytes);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textAt = (start: number, length: number) =>
    String.fromCharCode(...bytes.subarray(start, Math.min(start + length, bytes.length)));
  const magic = textAt(0, MAGIC.length);
  if (magic !== MAGIC || bytes.byteLength < HEADER_BYTE_LENGTH) {
    const found = magic === MAGIC ? `${bytes.byteLength} bytes` : JSON.stringify(magic);
    throw new StateFileError("a saved state", `"${MAGIC}" and a header of ${HEADER_BYTE_LENGTH} bytes`, found);
  }
  const version = view.getUint32(OFFSET.version, true);
  if (version !== VERSION) {
    throw new StateFileError("the saved state's version", `${VERSION}, which this library knows`, String(version));
  }
  const count = view.getUint32(OFFSET.count, true);
  const byteLength = HEADER_BYTE_LENGTH + count * 4;
  if (bytes.byteLength !== byteLength) {
    throw new StateFileError("the saved state", `${byteLength} bytes, as it says itself`, `${bytes.byteLength}`);
  }
  const checksum = view.getUint32(OFFSET.checksum, true);
  const found = crc32(bytes.subarray(CHECKED_FROM));
  if (checksum !== found) {
    const hex = (value: number) => value.toString(16).padStart(8, "0");
    throw new StateFileError("the saved state's checksum", hex(checksum), `${hex(found)}: its bytes were changed`);
  }
  const own = textAt(OFFSET.fingerprint, FINGERPRINT_LENGTH);
  const expectedCount = lengths.reduce((sum, length) => sum + length, 0);
  if (own !== fingerprint || count !== expectedCount) {
    throw new StateFileError(
      "the saved state",
      `one of this model, ${fingerprint}`,
      `one of the model ${own}; load it into the model that has made it, with the same weights in the same precision`,
    );
  }
  let at = HEADER_BYTE_LENGTH;
  const values = lengths.map((length) =>
    Float32Array.from({ length }, () => {
      at += 4;
      return view.getFloat32(at - 4, true);
    }),
  );
  return { position: Number(view.getBigUint64(OFFSET.position, true)), values };
}
