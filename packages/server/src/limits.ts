/** How much one request may ask for. */

/** Limits of a request. What is beyond one is refused with a message that names it. */
export interface RequestLimits {
  /** Bytes of a body. Default 1 MiB: ten times the longest prompt, as ids. */
  readonly bodyByteLength: number;
  /** Tokens of a prompt, and for each of them 8 characters of a text. Default 16,384. */
  readonly promptTokens: number;
  /** Tokens of an answer; those of a chat that asks for no number. Default 4,096. */
  readonly maxTokens: number;
  /** Texts: prompts times `n`. Default 128, as OpenAI has it for `n`; never more than have a place in the batch and its queue. */
  readonly choices: number;
  /** Stop strings, and as many ids that end a text. Default 16; OpenAI takes 4. */
  readonly stops: number;
}

/** What one request may ask for where nothing else is said. */
export const DEFAULT_LIMITS: RequestLimits = {
  bodyByteLength: 2 ** 20,
  promptTokens: 16_384,
  maxTokens: 4_096,
  choices: 128,
  stops: 16,
};
