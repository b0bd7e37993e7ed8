/**
 * The base of every error this project throws on purpose, and the mistakes that can be made with devices and tensors.
 */

/** An error with a stable `code`; the message names the thing, what was expected, what was found and the cure. */
export class CodedError extends Error {
  /** Stable across versions; compare this rather than the message. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An operand or a shape does not fit the kernel or device it is given to. */
export class ShapeError extends CodedError {
  constructor(message: string) {
    super("ERR_SHAPE", message);
  }
}

/** No device of the kind that was asked for can be had. `message` says why. */
export class NoDeviceError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_NO_DEVICE", message, options);
  }
}

/** A kernel was refused by the device or failed while it ran. */
export class KernelError extends CodedError {
  /** Name of the kernel, as in its folder. */
  readonly kernel: string;

  constructor(kernel: string, message: string, options?: ErrorOptions) {
    super("ERR_KERNEL", `kernel ${kernel}: ${message}`, options);
    this.kernel = kernel;
  }
}

/** The device refused an operation on a tensor, or failed in a way that belongs to no kernel. */
export class DeviceError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_DEVICE", message, options);
  }
}

/** What is known of a lack of memory besides what it was lacking for. */
export interface OutOfMemoryOptions extends ErrorOptions {
  /** Bytes that the device had given for tensors when it had no more. */
  readonly allocatedByteLength?: number | undefined;
  /** Where no memory is lacking, but a tensor is larger than any may be: most bytes of one on this device. */
  readonly maxByteLength?: number | undefined;
}

/** The device has no room for a tensor. */
export class OutOfMemoryError extends CodedError {
  /** Bytes that the device had given for tensors when it had no more; `undefined` where that is not known. */
  readonly allocatedByteLength: number | undefined;
  /** Where no memory is lacking, but a tensor is larger than any may be: most bytes of one on this device. */
  readonly maxByteLength: number | undefined;

  constructor(message: string, { allocatedByteLength, maxByteLength, ...options }: OutOfMemoryOptions = {}) {
    super("ERR_OUT_OF_MEMORY", message, options);
    this.allocatedByteLength = allocatedByteLength;
    this.maxByteLength = maxByteLength;
  }
}

/** The device went away (driver reset, `destroy()`, browser reclaimed it), and all that was on it. */
export class DeviceLostError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_DEVICE_LOST", message, options);
  }
}

/** Something was used after its `dispose()`. */
export class DisposedError extends CodedError {
  constructor(what: string) {
    super("ERR_DISPOSED", `${what} was disposed; create a new one`);
  }
}
