/**
 * The mistakes that can be made with a model: one class each, with a stable code.
 */
import { CodedError } from "@blackmamba/tensor";

/** A model's folder or one of its files is not there, or not what it should be. */
export class ModelFileError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_MODEL_FILE", message, options);
  }
}

/** One of a model's files is larger than any such file is, so that it was not read. */
export class ModelFileLimitError extends CodedError {
  constructor(message: string) {
    super("ERR_MODEL_FILE_LIMIT", message);
  }
}

/** `config.json` has a missing, wrong or contradictory value. */
export class ModelConfigError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_MODEL_CONFIG", message, options);
  }
}

/** The checkpoint's tensors are not those the configuration asks for. */
export class ModelWeightsError extends CodedError {
  constructor(message: string) {
    super("ERR_MODEL_WEIGHTS", message);
  }
}

/** Text was given or asked for, and the model was loaded without a tokenizer. */
export class NoTokenizerError extends CodedError {
  constructor(message: string) {
    super("ERR_NO_TOKENIZER", message);
  }
}

/** A prompt that holds nothing, or ids that the vocabulary does not have. */
export class PromptError extends CodedError {
  constructor(message: string) {
    super("ERR_PROMPT", message);
  }
}

/** A state that cannot go on: an abort or a failure left it in the middle of a token. */
export class StateError extends CodedError {
  constructor(message: string) {
    super("ERR_STATE", message);
  }
}

/** Something was given up before its end: its reader has left. */
export class AbortedError extends CodedError {
  constructor(message: string) {
    super("ERR_ABORTED", message);
  }
}

/** Bytes that are no saved state, were changed, or belong to another model or version. */
export class StateFileError extends CodedError {
  constructor(thing: string, expected: string, found: string) {
    super("ERR_STATE_FILE", `${thing}: expected ${expected}, found ${found}`);
  }
}

/** The model computed something that is no number. */
export class NumericError extends CodedError {
  constructor(message: string) {
    super("ERR_NUMERIC", message);
  }
}

/** An option with a value it cannot have. */
export class OptionError extends CodedError {
  constructor(option: string, expected: string, found: unknown) {
    super("ERR_OPTION", `option ${option}: expected ${expected}, found ${String(found)}`);
  }
}

/** A model's worker cannot be had, did not start, or is gone. */
export class WorkerError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_WORKER", message, options);
  }
}
