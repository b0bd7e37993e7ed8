/**
 * Reads `tokenizer_config.json`: the few settings that decide which ids a prompt begins with and a text ends with.
 * Leaves out, on purpose, every setting that would alter text (`clean_up_tokenization_spaces` and its like).
 */
import { TokenizerConfigError } from "./errors.ts";
import { isObject, type JsonObject, jsonObject, kindOf } from "./json-input.ts";

export interface TokenizerConfig {
  readonly addBosToken: boolean;
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly unkToken: string | undefined;
  /** Beyond those that `tokenizer.json` itself marks as special. */
  readonly additionalSpecialTokens: readonly string[];
}

/** The settings of `tokenizer_config.json`; without one, nothing is said. */
export function readTokenizerConfig(input: unknown): TokenizerConfig {
  const config = tokenizerConfigObject(input);
  const { add_bos_token, additional_special_tokens } = config;
  const addBosToken = add_bos_token ?? false;
  if (typeof addBosToken !== "boolean") {
    throw new TokenizerConfigError(`expected "add_bos_token" to be true or false, found ${kindOf(addBosToken)}`);
  }
  const bosToken = tokenSetting(config, "bos_token");
  if (addBosToken && bosToken === undefined) {
    throw new TokenizerConfigError(
      '"add_bos_token" is true, but "bos_token" is missing; name the token or set it to false',
    );
  }
  const additional = additional_special_tokens ?? [];
  if (!Array.isArray(additional)) {
    throw new TokenizerConfigError(`expected "additional_special_tokens" to be an array, found ${kindOf(additional)}`);
  }
  return {
    addBosToken,
    bosToken,
    eosToken: tokenSetting(config, "eos_token"),
    unkToken: tokenSetting(config, "unk_token"),
    additionalSpecialTokens: additional.map((token, index) => tokenText(token, `additional_special_tokens[${index}]`)),
  };
}

/** The file's contents, of which nothing is checked but that they are an object; without a file an empty one. */
export function tokenizerConfigObject(input: unknown): JsonObject {
  if (input === undefined || input === null) return {};
  return jsonObject(input, (message, options) => new TokenizerConfigError(message, options));
}

export function tokenSetting(config: JsonObject, key: string): string | undefined {
  const value = config[key];
  return value === undefined || value === null ? undefined : tokenText(value, key);
}

/** A token is written as its text, or as an object that holds its text. */
function tokenText(value: unknown, key: string): string {
  const { content: text } = isObject(value) ? value : { content: value };
  if (typeof text === "string") return text;
  throw new TokenizerConfigError(`expected "${key}" to be a text or an object with "content", found ${kindOf(value)}`);
}
