/**
 * Tensors: a type, a shape and a place on a device. Views of rows and columns, which share the place.
 * Not here: reading and writing (a `Device` does that) and arithmetic (kernels do that).
 */
import { type ByteRange, type DType, storageLayout } from "./dtype.ts";
import { ShapeError } from "./errors.ts";

/** Bytes on a device. Made, read and written only by that device. */
export interface Storage {
  readonly byteLength: number;
  /** Most bytes of it that one kernel operand may span. */
  readonly maxOperandByteLength: number;
  /** Most tensors that one kernel may use; one with scales counts twice. */
  readonly maxOperands: number;
  /** Gives the bytes back. Safe to call twice. */
  dispose(): void;
}

/** A dense, row-major array on a device, or a view of rows or columns of one. */
export interface Tensor {
  /** Names the tensor in errors and in GPU debuggers. */
  readonly label: string;
  readonly dtype: DType;
  /** Sizes, outermost first. All but the last dimension together count the rows. */
  readonly shape: readonly number[];
  /** Index of the first element, counted from the start of `values`; not 0 only in a view of columns. */
  readonly offset: number;
  /** Elements from the start of one row to the next; more than a row only in a view of columns. */
  readonly rowStride: number;
  /** Where the elements lie within the storage. */
  readonly values: ByteRange;
  /** Where the scales lie, for `q8_0` and `q4_0`. */
  readonly scales?: ByteRange;
  readonly storage: Storage;
}

/** A tensor over a whole storage. Devices call this; users call `device.createTensor`. */
export function tensorOf(storage: Storage, dtype: DType, shape: readonly number[], label: string): Tensor {
  const { values, scales } = storageLayout(dtype, shape);
  return { label, dtype, shape, offset: 0, rowStride: shape.at(-1) ?? 1, values, ...(scales && { scales }), storage };
}

/**
 * Columns `start` to `end` (exclusive) of every row, without a copy.
 *
 * @param tensor - f32 or u32, any shape
 * @returns a view of shape [..., end - start]
 */
export function columns(tensor: Tensor, start: number, end: number): Tensor {
  const width = tensor.shape.at(-1) ?? 1;
  if (tensor.dtype !== "f32" && tensor.dtype !== "u32") {
    throw new ShapeError(`columns of ${tensor.label}: expected f32 or u32, found ${tensor.dtype}`);
  }
  if (!(start >= 0 && start < end && end <= width)) {
    throw new ShapeError(`columns of ${tensor.label}: [${start}, ${end}) is not within its ${width} columns`);
  }
  return {
    ...tensor,
    label: `${tensor.label}[:, ${start}:${end}]`,
    shape: [...tensor.shape.slice(0, -1), end - start],
    offset: tensor.offset + start,
  };
}

/**
 * Entries `start` to `end` (exclusive) of the first dimension, without a copy. Needed where a tensor is larger than a
 * device lets one operand be; see {@link splitPoints} for where it may be cut.
 *
 * @returns a view of shape [end - start, ...]
 */
export function rows(tensor: Tensor, start: number, end: number): Tensor {
  const [count = 1, ...rest] = tensor.shape;
  if (!(start >= 0 && start < end && end <= count)) {
    throw new ShapeError(`rows of ${tensor.label}: [${start}, ${end}) is not within its ${count} rows`);
  }
  if (start === 0 && end === count) return tensor;
  const part = (range: ByteRange): ByteRange => ({
    byteOffset: range.byteOffset + (range.byteLength / count) * start,
    byteLength: (range.byteLength / count) * (end - start),
  });
  return {
    ...tensor,
    label: `${tensor.label}[${start}:${end}]`,
    shape: [end - start, ...rest],
    values: part(tensor.values),
    ...(tensor.scales && { scales: part(tensor.scales) }),
  };
}

/**
 * Where to cut the first dimension so that each piece fits one operand of the device.
 *
 * @returns ascending boundaries from 0 to `shape[0]`; just those two when the whole tensor fits
 * @throws ShapeError when a single aligned piece is too large
 */
export function splitPoints(tensor: Tensor): number[] {
  const count = tensor.shape[0] ?? 1;
  const limit = tensor.storage.maxOperandByteLength;
  if (tensor.values.byteLength <= limit) return [0, count];
  // Every part of a piece has to start at a multiple of 256 bytes (WebGPU's strictest offset alignment).
  let step = 1;
  while (!isAligned(tensor.values, count, step) || (tensor.scales && !isAligned(tensor.scales, count, step))) step *= 2;
  const size = Math.floor(limit / (tensor.values.byteLength / count) / step) * step;
  if (size === 0) {
    throw new ShapeError(
      `${tensor.label}: ${step} of its ${count} rows are the least that can be bound at once, and they are larger ` +
        `than the ${limit} bytes this device binds; use a smaller dtype or another device`,
    );
  }
  const points = [];
  for (let at = 0; at < count; at += size) points.push(at);
  return [...points, count];
}

function isAligned(range: ByteRange, count: number, step: number): boolean {
  return ((range.byteLength / count) * step) % 256 === 0;
}

/** Throws a ShapeError for a view: what is done to all bytes of a storage must not be asked for with a part of it. */
export function requireWhole(tensor: Tensor, what: string): void {
  if (isWhole(tensor)) return;
  throw new ShapeError(`${what} ${tensor.label}: expected a whole tensor, found a view of one`);
}

/**
 * The bytes of a tensor or a view of its rows, as one range of its storage. Throws a ShapeError for what has none: a view of
 * columns, and rows of a quantised tensor, whose scales lie elsewhere.
 */
export function requireRange(tensor: Tensor, what: string): ByteRange {
  if (isWhole(tensor)) return { byteOffset: 0, byteLength: tensor.storage.byteLength };
  if (!tensor.scales && tensor.offset === 0 && tensor.rowStride === (tensor.shape.at(-1) ?? 1)) return tensor.values;
  throw new ShapeError(`${what} ${tensor.label}: expected a whole tensor or a view of rows, found another view of one`);
}

/** Throws a ShapeError where bytes would be written beyond a tensor's own: what follows may be another's. */
export function requireRoom({ label, storage }: Tensor, { byteLength, byteOffset }: ByteRange): void {
  if (byteOffset + byteLength <= storage.byteLength) return;
  throw new ShapeError(
    `write ${label}: expected at most its ${storage.byteLength} bytes, found ${byteLength} bytes from ${byteOffset} on`,
  );
}

/** Throws a ShapeError unless the tensor has the dtype and its rows lie one after another. */
export function requireReadable(tensor: Tensor, dtype: DType): void {
  if (tensor.dtype !== dtype) throw new ShapeError(`read ${tensor.label}: expected ${dtype}, found ${tensor.dtype}`);
  if (tensor.rowStride === (tensor.shape.at(-1) ?? 1)) return;
  throw new ShapeError(`read ${tensor.label}: expected a whole tensor or a view of rows, found a view of columns`);
}

/** All dimensions but the last, multiplied. */
export function rowCount(tensor: Tensor): number {
  return tensor.shape.slice(0, -1).reduce((product, size) => product * size, 1);
}

function isWhole({ dtype, shape, offset, storage }: Tensor): boolean {
  return offset === 0 && Math.max(storageLayout(dtype, shape).byteLength, 4) === storage.byteLength;
}
