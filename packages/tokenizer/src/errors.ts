/**
 * The mistakes that can be made with a tokenizer, one class each. The base is not shared with other packages,
 * because this package depends on none of them; `code` is what a program compares.
 */

/** The base of every error this package throws on purpose. */
export class TokenizerError extends Error {
  /** Stable across versions; compare this rather than the message. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** `tokenizer.json` cannot be read as a tokenizer. */
export class TokenizerFileError extends TokenizerError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_TOKENIZER_FILE", `tokenizer.json: ${message}`, options);
  }
}

/** `tokenizer_config.json` cannot be read, or contradicts itself or the vocabulary. */
export class TokenizerConfigError extends TokenizerError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_TOKENIZER_CONFIG", `tokenizer_config.json: ${message}`, options);
  }
}

/** A GGUF file's metadata cannot be read as a tokenizer. */
export class GgufTokenizerError extends TokenizerError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_TOKENIZER_GGUF", message, options);
  }
}

/** A chat template cannot be read, or refuses the messages. */
export class ChatTemplateError extends TokenizerError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CHAT_TEMPLATE", `chat template: ${message}`, options);
  }
}

/** Something that can be no token id at all: negative, or not a whole number. */
export class TokenIdError extends TokenizerError {
  constructor(id: unknown) {
    super(
      "ERR_TOKEN_ID",
      `token id: expected a whole number of 0 or more, found ${String(id)}; pass ids from encode()`,
    );
  }
}

/** The vocabulary has neither a token for a part of the text nor an unknown token. */
export class UnknownTextError extends TokenizerError {
  constructor(part: string) {
    super(
      "ERR_UNKNOWN_TEXT",
      `the vocabulary has no token for ${JSON.stringify(part)} and no unknown token to stand for it; remove it from the text`,
    );
  }
}
