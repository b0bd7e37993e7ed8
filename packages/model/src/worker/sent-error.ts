/**
 * Errors between a worker and its page. Copied by the browser, an error keeps its message only; here it also keeps its `code`, its
 * cause and what else it tells, and where the page knows its class, it is an instance of that again.
 */
import {
  CodedError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  KernelError,
  NoDeviceError,
  OutOfMemoryError,
  ShapeError,
} from "@blackmamba/tensor";
import {
  ModelConfigError,
  ModelFileError,
  ModelFileLimitError,
  ModelWeightsError,
  NoTokenizerError,
  NumericError,
  OptionError,
  PromptError,
  StateError,
  WorkerError,
} from "../errors.ts";

/** An error as it is sent, or something else that was thrown. */
export type SentError = { readonly thrown: unknown } | SentErrorParts;

/** What an error consists of. */
interface SentErrorParts {
  /** Whether it is the browser's own kind of error, such as an `AbortError`. */
  readonly isDomException: boolean;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** `code`, and what else of its own it tells in a text, a number or a yes or no. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: SentError;
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** By code, not by name: a bundler changes names. Errors of other packages arrive as a `CodedError` with their code. */
export const CLASSES: Readonly<Record<string, ErrorClass>> = {
  ERR_SHAPE: ShapeError,
  ERR_NO_DEVICE: NoDeviceError,
  ERR_KERNEL: KernelError,
  ERR_DEVICE: DeviceError,
  ERR_OUT_OF_MEMORY: OutOfMemoryError,
  ERR_DEVICE_LOST: DeviceLostError,
  ERR_DISPOSED: DisposedError,
  ERR_MODEL_FILE: ModelFileError,
  ERR_MODEL_FILE_LIMIT: ModelFileLimitError,
  ERR_MODEL_CONFIG: ModelConfigError,
  ERR_MODEL_WEIGHTS: ModelWeightsError,
  ERR_NO_TOKENIZER: NoTokenizerError,
  ERR_PROMPT: PromptError,
  ERR_STATE: StateError,
  ERR_NUMERIC: NumericError,
  ERR_OPTION: OptionError,
  ERR_WORKER: WorkerError,
};

/** JavaScript's own. */
const BUILT_IN: readonly ErrorClass[] = [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError];

/** What is thrown, in a form that can be copied. */
export function sendError(error: unknown): SentError {
  if (!(error instanceof Error)) return { thrown: isCopied(error) ? error : String(error) };
  const { name, message, stack, cause } = error;
  const isDomException = error instanceof DOMException;
  const fields = Object.entries(error).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value));
  const sent = { isDomException, name, message, stack, fields: Object.fromEntries(fields) };
  return cause === undefined ? sent : { ...sent, cause: sendError(cause) };
}

/** The error that was sent. */
export function receiveError(sent: SentError): unknown {
  if ("thrown" in sent) return sent.thrown;
  const { isDomException, name, message, stack, fields, cause } = sent;
  if (isDomException) return new DOMException(message, name);
  const error = cause ? new Error(message, { cause: receiveError(cause) }) : new Error(message);
  const own = CLASSES[fields["code"] as string] ?? BUILT_IN.find((each) => each.name === name);
  const prototype = own?.prototype ?? ("code" in fields ? CodedError.prototype : undefined);
  // Made as an error, so that it is one to the browser's tools as well.
  if (prototype) Object.setPrototypeOf(error, prototype);
  Object.assign(error, fields);
  Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  return error;
}

function isCopied(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
