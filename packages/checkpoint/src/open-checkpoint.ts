/**
 * Opens a checkpoint of any format this package reads, recognised by its first bytes, whatever it is called. A web page gets the
 * code for torch's and GGUF's files when it opens one.
 */

import { type ByteSourceLike, type ReadOptions, toByteSource } from "./byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { EmptyFileError, LegacyTorchError, TruncatedError, UnknownFormatError } from "./errors.ts";
import { openSafetensors } from "./safetensors/safetensors-checkpoint.ts";

/** What is often found in a checkpoint's place, and what to do about it. */
const STRANGERS: readonly (readonly [start: string, message: string])[] = [
  ["version https://git-lfs", "this is a git-lfs pointer in place of the file; fetch the file with: git lfs pull"],
  ["<", "this is a web page in place of the file, perhaps of a failed download; download it again"],
  ["{", "this is JSON, perhaps an index or a configuration; give the .bin or .safetensors files themselves"],
  ["\x1f\x8b", "this is gzip; unpack it first"],
];

/**
 * Opens a torch `.bin`, a safetensors or a GGUF file.
 *
 * The checkpoint owns the source and closes it; if opening fails, the source stays open.
 *
 * Throws `UnknownFormatError`, `EmptyFileError`, and what `openTorchCheckpoint`, `openSafetensors` and `openGguf` throw.
 */
export async function openCheckpoint(from: ByteSourceLike, options: ReadOptions = {}): Promise<Checkpoint> {
  const source = toByteSource(from);
  if (source.byteLength === 0) throw new EmptyFileError(source.name);
  const start = await source.read(0, Math.min(32, source.byteLength), options);
  const text = String.fromCharCode(...start);
  if (text.startsWith("PK")) {
    const { openTorchCheckpoint } = await import("./torch/torch-checkpoint.ts");
    return openTorchCheckpoint(source, options);
  }
  // A safetensors header is JSON behind its own length of 8 bytes.
  if (text[8] === "{" && start[7] === 0) return openSafetensors(source, options);
  if (text.startsWith("GGUF")) {
    const { openGguf } = await import("./gguf/gguf-checkpoint.ts");
    return openGguf(source, options);
  }
  if (start[0] === 0x80 && (start[1] ?? 255) <= 5) throw new LegacyTorchError(source.name);
  const stranger = STRANGERS.find(([prefix]) => text.startsWith(prefix));
  if (stranger) throw new UnknownFormatError(source.name, stranger[1]);
  // Either format's first mark is longer: whatever this is, it has lost its end.
  if (source.byteLength <= 8) {
    throw new TruncatedError(
      source.name,
      `a torch .bin, a safetensors or a GGUF file expected, ${source.byteLength} bytes found`,
    );
  }
  const hex = [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const found = `a torch .bin (PK…), a safetensors or a GGUF file expected, bytes ${hex} … found`;
  throw new UnknownFormatError(source.name, `${found}; give such a file, or download it again`);
}
