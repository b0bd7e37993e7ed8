/**
 * Writes files as `torch.save` does, for tests: any storages, any views of them, and the mistakes that tests need.
 */

import { dict, orderedDict, pickle, text } from "../torch/pickle-opcodes.ts";
import { type TorchTensor, tensorOpcodes } from "../torch/tensor-opcodes.ts";
import { type ZipInput, type ZipOptions, type ZipPieces, zip, zipPieces } from "./zip-bytes.ts";

/** A file to write. */
export interface TorchFile extends ZipOptions {
  readonly tensors: readonly TorchTensor[];
  /** Bytes of each storage, or only how many, for zeros. */
  readonly storages: Readonly<Record<string, Uint8Array | number>>;
  /** Whether the tensors are under the key "model"; false by default. */
  readonly model?: boolean | undefined;
  /** Content of the entry `byteorder`; "little" by default, `null` for none. */
  readonly byteOrder?: string | null | undefined;
  /** Name of the root folder; "archive" by default. */
  readonly root?: string | undefined;
  /** In place of the pickle made of `tensors`. */
  readonly pickle?: Uint8Array | undefined;
}

/** The file's bytes. */
export function torchFile(file: TorchFile): Uint8Array {
  return zip(torchEntries(file), file);
}

/** The file as pieces with holes between. */
export function torchFilePieces(file: TorchFile): ZipPieces {
  return zipPieces(torchEntries(file), file);
}

/** The zip's entries. */
export function torchEntries(file: TorchFile): ZipInput[] {
  const { tensors, storages, model = false, byteOrder = "little", root = "archive" } = file;
  const items = tensors.map((tensor) => [text(tensor.name), tensorOpcodes(tensor)] as const);
  const stateDict = orderedDict(items);
  const whole = pickle(model ? dict([[text("model"), stateDict]]) : stateDict);
  const entries: ZipInput[] = [{ name: `${root}/data.pkl`, content: file.pickle ?? whole }];
  if (byteOrder !== null) entries.push({ name: `${root}/byteorder`, content: new TextEncoder().encode(byteOrder) });
  for (const [key, content] of Object.entries(storages)) entries.push({ name: `${root}/data/${key}`, content });
  entries.push({ name: `${root}/version`, content: new TextEncoder().encode("3\n") });
  return entries;
}
