/**
 * Every mistake that a checkpoint, its file or its use can contain: one class and one stable code each.
 * Not here: aborted reads, which throw the `AbortSignal`'s own reason, as `fetch` does.
 */

import { CodedError } from "@blackmamba/tensor";

/** The base of this package's errors. `message` starts with the file's name. */
export abstract class CheckpointError extends CodedError {
  /** Name of the file or source at fault, as given by its `ByteSource`. */
  readonly source: string;

  constructor(code: string, source: string, message: string, options?: ErrorOptions) {
    super(code, `${source}: ${message}`, options);
    this.source = source;
  }
}

/** The file ends before bytes that it should hold. */
export class TruncatedError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_CHECKPOINT_TRUNCATED", source, `${message}; the file is truncated: download or copy it again`, options);
  }
}

/** The file has no bytes at all. */
export class EmptyFileError extends CheckpointError {
  constructor(source: string) {
    super("ERR_CHECKPOINT_EMPTY_FILE", source, "the file is empty (0 bytes); download or copy it again");
  }
}

/** The bytes could not be fetched from where they lie. `cause` is the platform's own error. */
export class SourceReadError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_CHECKPOINT_SOURCE_READ", source, message, options);
  }
}

/** A file could not be written. `cause` is the platform's own error. */
export class SinkWriteError extends CheckpointError {
  constructor(sink: string, message: string, options?: ErrorOptions) {
    super("ERR_CHECKPOINT_SINK_WRITE", sink, message, options);
  }
}

/** The file is none of the formats that can be read. */
export class UnknownFormatError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_UNKNOWN_FORMAT", source, message);
  }
}

/** The file is of torch's format from before 1.6: a bare pickle instead of a zip. */
export class LegacyTorchError extends CheckpointError {
  constructor(source: string) {
    super(
      "ERR_CHECKPOINT_LEGACY_TORCH",
      source,
      "this is a bare pickle, as torch.save wrote before version 1.6; a zip was expected. " +
        "Save it again with a newer torch: torch.save(torch.load(path, weights_only=True), path)",
    );
  }
}

/** The zip's directory or one of its headers is damaged. */
export class ZipError extends CheckpointError {
  constructor(source: string, message: string, cure = "download or copy it again") {
    super("ERR_CHECKPOINT_ZIP", source, `${message}; ${cure}`);
  }
}

/** An entry of the zip is compressed or encrypted, so it cannot be read by range. */
export class CompressedEntryError extends CheckpointError {
  /** Name of the entry within the zip. */
  readonly entry: string;

  constructor(source: string, entry: string, found: string) {
    super(
      "ERR_CHECKPOINT_COMPRESSED_ENTRY",
      source,
      `entry "${entry}" is ${found}; torch.save stores entries uncompressed. ` +
        "Unpack the zip and pack it again without compression (zip -0 -r), or save it again with torch.save",
    );
    this.entry = entry;
  }
}

/** The pickle is malformed, or uses an opcode that plain data does not need. */
export class PickleError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_PICKLE", source, `${message}; download the file again, or save model.state_dict() again`);
  }
}

/** The pickle names a Python global that is not on the allow-list. Nothing was run. */
export class ForbiddenGlobalError extends CheckpointError {
  /** Full name of the refused global, such as `os.system`. */
  readonly global: string;

  constructor(source: string, global: string, allowed: Iterable<string>) {
    super(
      "ERR_CHECKPOINT_FORBIDDEN_GLOBAL",
      source,
      `the pickle asks for "${global}", which is refused; only ${[...allowed].join(", ")} are allowed. ` +
        "Nothing was run. If you trust the file, save its plain state_dict again, or convert it to safetensors",
    );
    this.global = global;
  }
}

/** A count or size in the file is beyond what any real checkpoint needs. */
export class LimitError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_CHECKPOINT_LIMIT", source, message, options);
  }
}

/** The checkpoint was saved on a big-endian machine. */
export class ByteOrderError extends CheckpointError {
  constructor(source: string, found: string) {
    super(
      "ERR_CHECKPOINT_BYTE_ORDER",
      source,
      `byte order "${found}" found, "little" expected; save it again on a little-endian machine`,
    );
  }
}

/** The file is well-formed, but holds no tensors where a checkpoint has them. */
export class ContentError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_CONTENT", source, message);
  }
}

/** A tensor refers to a storage that the zip does not hold. */
export class MissingStorageError extends CheckpointError {
  constructor(source: string, tensor: string, entry: string) {
    super(
      "ERR_CHECKPOINT_MISSING_STORAGE",
      source,
      `tensor "${tensor}" lies in entry "${entry}", which the zip does not hold; download or save the file again`,
    );
  }
}

/** A tensor reaches beyond the end of its storage. */
export class StorageTooSmallError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_STORAGE_TOO_SMALL", source, message);
  }
}

/** A tensor's shape, strides or offset make no sense. */
export class TensorGeometryError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_TENSOR_GEOMETRY", source, message);
  }
}

/** Two tensors, or two values of one dict, have the same name. */
export class DuplicateNameError extends CheckpointError {
  constructor(source: string, name: string) {
    super("ERR_CHECKPOINT_DUPLICATE_NAME", source, `name "${name}" occurs twice; every name must be unique`);
  }
}

/** A tensor that was asked for is not in the checkpoint. */
export class MissingTensorError extends CheckpointError {
  constructor(source: string, tensor: string, found: Iterable<string>) {
    const names = [...found];
    const some = names.slice(0, 4).map((name) => `"${name}"`);
    super(
      "ERR_CHECKPOINT_MISSING_TENSOR",
      source,
      `there is no tensor "${tensor}" among its ${names.length} (${some.join(", ")}${names.length > 4 ? ", …" : ""}); ` +
        "check that the file belongs to this model",
    );
  }
}

/** The files of a checkpoint in several, or their index, do not belong together. */
export class ShardError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_SHARD", source, message);
  }
}

/** The safetensors header is malformed. */
export class SafetensorsHeaderError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_CHECKPOINT_SAFETENSORS_HEADER", source, `${message}; download or write it again`, options);
  }
}

/** A GGUF file's header is malformed, or of a version that is not read. */
export class GgufError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_GGUF", source, `${message}; download or convert it again`);
  }
}

/** A tensor's element type is one this project has no use for. */
export class UnsupportedDtypeError extends CheckpointError {
  constructor(source: string, tensor: string, found: string, expected: string) {
    super(
      "ERR_CHECKPOINT_UNSUPPORTED_DTYPE",
      source,
      `tensor "${tensor}" has element type ${found}; ${expected} expected. Convert it before saving`,
    );
  }
}

/** A tensor of bytes lacks its scales, or they do not fit it, so it is no quantised tensor. */
export class QuantizedPairError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_CHECKPOINT_QUANTIZED_PAIR", source, message);
  }
}

/** A tensor cannot be quantised. */
export class QuantizeError extends CheckpointError {
  constructor(tensor: string, message: string, options?: ErrorOptions) {
    super("ERR_CHECKPOINT_QUANTIZE", tensor, message, options);
  }
}

/** A tensor cannot be given in another float type. */
export class CastError extends CheckpointError {
  constructor(tensor: string, message: string) {
    super("ERR_CHECKPOINT_CAST", tensor, message);
  }
}

/** A tensor that is being written gave other bytes than its shape and type call for. */
export class WriteMismatchError extends CheckpointError {
  constructor(tensor: string, message: string) {
    super("ERR_CHECKPOINT_WRITE_MISMATCH", tensor, message);
  }
}

/** An argument is out of its range. `source` names the function or option. */
export class ArgumentError extends CheckpointError {
  constructor(what: string, message: string) {
    super("ERR_CHECKPOINT_ARGUMENT", what, message);
  }
}
