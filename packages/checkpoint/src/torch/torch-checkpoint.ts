/**
 * Opens what `torch.save` wrote: a zip with a pickle that says where each tensor lies, and the storages as they were in
 * memory. Only the directory and the pickle are read at opening. Not here: what the tensors mean.
 */

import { storageLayout } from "@blackmamba/tensor";
import type { ByteSource, ReadOptions } from "../byte-source.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint.ts";
import {
  ByteOrderError,
  ContentError,
  EmptyFileError,
  LegacyTorchError,
  LimitError,
  MissingStorageError,
  TruncatedError,
  UnknownFormatError,
} from "../errors.ts";
import { tensorFromChunks, tensorFromRanges } from "../tensor-from.ts";
import { gather } from "./gather.ts";
import { MAX_PICKLE_BYTE_LENGTH, readPickle } from "./pickle.ts";
import { checkedView, mergedAxes } from "./tensor-view.ts";
import { loadStorage, TensorRecord, TORCH_GLOBALS } from "./torch-globals.ts";
import { readZipDirectory, refuseUnlessStored, type ZipDirectory, type ZipEntry } from "./zip-directory.ts";

/**
 * Opens a `pytorch_model.bin`, as `torch.save` of torch 1.6 and later writes it.
 *
 * The pickle holds either a dict of tensors, or a dict whose key "model" is one. Texts, numbers and truth values
 * at the top level become `metadata`; anything else that is no tensor is left out. Views are honoured: each tensor comes
 * out contiguous, whatever its offset and strides, and tensors that share a storage are each given in full.
 *
 * The checkpoint owns the source and closes it; if opening fails, the source stays open.
 *
 * Throws a `CheckpointError`: `ForbiddenGlobalError` on any global but those of tensors, `LegacyTorchError`,
 * `TruncatedError`, `ZipError`, `CompressedEntryError`, `PickleError`, `ByteOrderError`, `MissingStorageError`,
 * `StorageTooSmallError`, `TensorGeometryError`, `ContentError`, `LimitError`, …
 */
export async function openTorchCheckpoint(source: ByteSource, options: ReadOptions = {}): Promise<Checkpoint> {
  await refuseUnlessZip(source, options);
  const zip = await readZipDirectory(source, options);
  const pickleEntry = findPickle(source.name, zip);
  const root = pickleEntry.name.slice(0, -PICKLE_NAME.length);
  await refuseUnlessLittleEndian(source, zip, zip.entries.get(`${root}byteorder`), options);

  const pickle = await readEntry(source, zip, pickleEntry, MAX_PICKLE_BYTE_LENGTH, options);
  const pickled = readPickle(pickle, { name: source.name, globals: TORCH_GLOBALS, persistentLoad: loadStorage });
  const { records, metadata } = findTensors(source.name, pickled);

  const tensors = new Map<string, CheckpointTensor>();
  // Tensors may share a storage; its place is looked up once.
  const places = new Map<ZipEntry, Promise<number>>();
  for (const [name, record] of records) {
    const entry = zip.entries.get(`${root}data/${record.storage.key}`);
    if (!entry) throw new MissingStorageError(source.name, name, `${root}data/${record.storage.key}`);
    refuseUnlessStored(source.name, entry);
    const locate = () => {
      const known = places.get(entry);
      if (known) return known;
      // Without a signal: who aborts must not abort the others that wait for the same storage.
      const place = zip.locate(entry);
      places.set(entry, place);
      // A look-up that failed, perhaps for want of a network, may be tried again.
      place.catch(() => places.delete(entry));
      return place;
    };
    tensors.set(name, torchTensor(source, name, record, entry.byteLength, locate));
  }
  return {
    name: source.name,
    tensors,
    metadata,
    close: async () => source.close?.(),
  };
}

/** After the root folder, whose name is any. */
const PICKLE_NAME = "data.pkl";

/** Longest byte order that is read: "little". */
const MAX_BYTE_ORDER_BYTE_LENGTH = 64;

async function refuseUnlessZip(source: ByteSource, options: ReadOptions): Promise<void> {
  if (source.byteLength === 0) throw new EmptyFileError(source.name);
  if (source.byteLength < 4) throw new TruncatedError(source.name, `a zip expected, ${source.byteLength} bytes found`);
  const [first, second, third, fourth] = await source.read(0, 4, options);
  if (first === 0x50 && second === 0x4b && third === 3 && fourth === 4) return;
  if (first === 0x80 && second !== undefined && second <= 5) throw new LegacyTorchError(source.name);
  throw new UnknownFormatError(
    source.name,
    "this is no zip; a file that torch.save wrote starts with PK. Give such a file, or download it again",
  );
}

function findPickle(name: string, zip: ZipDirectory): ZipEntry {
  const found = [...zip.entries.values()].filter((entry) => /^[^/]+\/data\.pkl$/.test(entry.name));
  const [entry] = found;
  if (entry && found.length === 1) return entry;
  if (found.length > 1) {
    throw new ContentError(
      name,
      `the zip holds ${found.map((one) => `"${one.name}"`).join(" and ")}; one expected: save it again`,
    );
  }
  const some = [...zip.entries.keys()].slice(0, 3).join(", ") || "nothing";
  const what = `the zip holds no <folder>/data.pkl, so torch.save did not write it (it holds ${some})`;
  throw new ContentError(name, `${what}; give the pytorch_model.bin itself`);
}

async function refuseUnlessLittleEndian(
  source: ByteSource,
  zip: ZipDirectory,
  entry: ZipEntry | undefined,
  options: ReadOptions,
): Promise<void> {
  // torch before 2.1 did not write it; those files are little-endian wherever they are used.
  if (!entry) return;
  const bytes = await readEntry(source, zip, entry, MAX_BYTE_ORDER_BYTE_LENGTH, options);
  const order = new TextDecoder().decode(bytes).trim();
  if (order !== "little") throw new ByteOrderError(source.name, order);
}

async function readEntry(
  source: ByteSource,
  zip: ZipDirectory,
  entry: ZipEntry,
  maxByteLength: number,
  options: ReadOptions,
): Promise<Uint8Array> {
  refuseUnlessStored(source.name, entry);
  if (entry.byteLength > maxByteLength) {
    const found = `entry "${entry.name}" has ${entry.byteLength} bytes`;
    throw new LimitError(source.name, `${found}, at most ${maxByteLength} are read; save only the state_dict`);
  }
  return source.read(await zip.locate(entry, options), entry.byteLength, options);
}

interface PickledTensors {
  readonly records: ReadonlyMap<string, TensorRecord>;
  readonly metadata: Readonly<Record<string, string>>;
}

function findTensors(source: string, pickled: unknown): PickledTensors {
  if (!(pickled instanceof Map)) {
    throw new ContentError(source, "the pickle holds no dict of tensors; save model.state_dict()");
  }
  const inner: unknown = pickled.get("model");
  const dict: ReadonlyMap<unknown, unknown> = inner instanceof Map ? inner : pickled;
  const records = new Map<string, TensorRecord>();
  for (const [name, value] of dict) {
    if (!(value instanceof TensorRecord)) continue;
    if (typeof name !== "string") throw new ContentError(source, "a tensor's name is no text; save model.state_dict()");
    records.set(name, value);
  }
  if (records.size === 0) {
    const keys = [...dict.keys()].filter((key) => typeof key === "string").slice(0, 4);
    const found = keys.length > 0 ? `keys ${keys.map((key) => `"${key}"`).join(", ")} found` : "no keys found";
    const where = 'at the top level or under "model"';
    throw new ContentError(source, `tensors expected ${where}, ${found}; save model.state_dict()`);
  }
  return { records, metadata: textsOf(pickled) };
}

/** A null prototype, so that a key such as `__proto__` is only a key. */
function textsOf(dict: ReadonlyMap<unknown, unknown>): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  for (const [key, value] of dict) {
    const plain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    if (typeof key === "string" && plain) texts[key] = String(value);
  }
  return texts;
}

function torchTensor(
  source: ByteSource,
  name: string,
  record: TensorRecord,
  storageByteLength: number,
  locate: () => Promise<number>,
): CheckpointTensor {
  const { dtype } = record.storage;
  const elementByteLength = dtype === "f32" ? 4 : 2;
  const view = checkedView(source.name, name, record, storageByteLength, elementByteLength);
  const info = { name, dtype, shape: view.shape };
  const part = storageLayout(dtype, view.shape).values;
  const axes = mergedAxes(view);
  if (part.byteLength === 0 || (axes.sizes.length === 1 && axes.strides[0] === 1)) {
    const sourceByteOffset = async () => (await locate()) + view.offset * elementByteLength;
    return tensorFromRanges(info, source, [{ part, sourceByteOffset }]);
  }
  return tensorFromChunks(info, async function* (options) {
    yield* gather(source, await locate(), view, { ...options, elementByteLength });
  });
}
