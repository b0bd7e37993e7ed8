/**
 * A tokenizer's files as the metadata of a GGUF file: the other direction of `gguf-tokenizer.ts`.
 */
import { isObject } from "./json-input.ts";
import { readTokenizerConfig } from "./tokenizer-config.ts";
import { readTokenizerJson } from "./tokenizer-json.ts";

/** ggml's numbers for kinds of tokens. */
const [NORMAL, CONTROL, USER_DEFINED, UNUSED] = [1, 3, 4, 5];

/** A value of a GGUF file's metadata. */
export type TokenizerGgufValue = string | number | boolean | readonly string[] | Int32Array;

/**
 * The metadata of a tokenizer, or `undefined` for one that a GGUF file cannot hold as it is: any but byte-level BPE.
 *
 * @param tokenizerJson - contents of `tokenizer.json`, as for `createTokenizer`
 * @param config - of `tokenizer_config.json`
 * @param vocab - ids that the model has; those that the tokenizer has not get tokens without use
 * @throws TokenizerFileError, TokenizerConfigError
 */
export function ggufTokenizerValues(
  tokenizerJson: unknown,
  config: unknown,
  vocab: number,
): ReadonlyMap<string, TokenizerGgufValue> | undefined {
  const json = readTokenizerJson(tokenizerJson);
  const settings = readTokenizerConfig(config);
  const { type, vocab: ids, merges } = json.model;
  const steps = json["pre_tokenizer"];
  if (type !== "BPE" || !isObject(steps) || steps["type"] !== "ByteLevel" || !isObject(ids) || !Array.isArray(merges)) {
    return undefined;
  }
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(ids)) tokens[id as number] = token;
  for (const { id, content } of json.added_tokens) tokens[id] = content;
  const count = Math.max(vocab, tokens.length);
  const types = new Int32Array(count).fill(NORMAL as number);
  for (const { id, special } of json.added_tokens) types[id] = (special === true ? CONTROL : USER_DEFINED) as number;
  for (let id = 0; id < count; id++) {
    if (tokens[id] !== undefined) continue;
    tokens[id] = `[PAD${id}]`;
    types[id] = UNUSED as number;
  }
  const idOf = (token: string | undefined) => (token === undefined ? -1 : tokens.indexOf(token));
  const [bos, eos] = [idOf(settings.bosToken), idOf(settings.eosToken)];
  return new Map<string, TokenizerGgufValue>([
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.pre", "olmo"],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", types],
    ["tokenizer.ggml.merges", merges.map((merge) => (Array.isArray(merge) ? merge.join(" ") : String(merge)))],
    ...(bos >= 0 ? ([["tokenizer.ggml.bos_token_id", bos]] as const) : []),
    ...(eos >= 0 ? ([["tokenizer.ggml.eos_token_id", eos]] as const) : []),
    ["tokenizer.ggml.add_bos_token", settings.addBosToken],
  ]);
}
