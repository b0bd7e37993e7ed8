/**
 * One weight the model needs: where a checkpoint keeps it, and in which form the device wants it.
 */

/** A tensor of the model, made of one tensor of a checkpoint, or of several stacked. */
export interface Weight {
  /** Names in the checkpoint; more than one for experts, which are stacked in this order. */
  readonly names: readonly string[];
  /**
   * Each of the tensors is made of so many equal parts, and on the device they take turns: the first part of each, then the second.
   * 1 for tensors that are stacked as a whole.
   */
  readonly turns: number;
  /** Shape of each tensor in the checkpoint. */
  readonly shape: readonly number[];
  /** Shape on the device. */
  readonly deviceShape: readonly number[];
  /**
   * - `stored`: the checkpoint's own type, byte for byte. Matrices, which are most of the bytes.
   * - `f32`: widened. Vectors and other small weights.
   * - `-exp`: widened, then −exp of it: A from A_log.
   */
  readonly form: "stored" | "f32" | "-exp";
  /** Whether the checkpoint may lack it. */
  readonly optional: boolean;
  /** A token is multiplied with one of so many equal parts of it: of experts, or of an embedding's rows. */
  readonly parts: number;
  /** Whether it may become `q8_0` or `q4_0`: the large matrices, which are most of the bytes. */
  readonly quantizable: boolean;
}

/** A matrix: it stays in the checkpoint's own type, or is quantised. */
export function matrix(name: string, shape: readonly number[]): Weight {
  return {
    names: [name],
    shape,
    turns: 1,
    deviceShape: shape,
    form: "stored",
    optional: false,
    parts: 1,
    quantizable: true,
  };
}

/** A small matrix, whose errors would weigh more than its bytes. It stays in the checkpoint's own type. */
export function smallMatrix(name: string, shape: readonly number[]): Weight {
  return { ...matrix(name, shape), quantizable: false };
}

/** A small weight, widened to f32. `deviceShape` where the checkpoint has dimensions of size 1 in between. */
export function vector(name: string, shape: readonly number[], deviceShape = shape): Weight {
  return { names: [name], shape, turns: 1, deviceShape, form: "f32", optional: false, parts: 1, quantizable: false };
}

/** The same weight of several experts, stacked along a new first dimension. */
export function stack(weights: readonly Weight[]): Weight {
  const [first] = weights;
  if (!first) throw new RangeError("stack: no weights");
  return {
    ...first,
    names: weights.flatMap(({ names }) => names),
    parts: weights.length,
    deviceShape: [weights.length, ...first.deviceShape],
  };
}

/** Two weights of a stack of matrices as one, in which each matrix of the first is followed by that of the second. */
export function takingTurns([first, second]: readonly [Weight, Weight], matrices: number): Weight {
  const stack = matrices > 1 ? [matrices] : [];
  const [rows = 1, ...row] = first.shape.slice(stack.length);
  return {
    ...first,
    names: [...first.names, ...second.names],
    turns: matrices,
    parts: matrices,
    deviceShape: [...stack, 2 * rows, ...row],
  };
}
