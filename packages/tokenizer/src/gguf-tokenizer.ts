/**
 * The tokenizer within a GGUF file: its vocabulary and merges, as `tokenizer.json` would have them. Not here: the file, see
 * `@blackmamba/checkpoint`.
 */
import { GgufTokenizerError } from "./errors.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";

/** ggml's numbers for kinds of tokens that are matched in a text as a whole. */
const [CONTROL, USER_DEFINED] = [3, 4];

/** Several times those of the largest vocabularies. */
const MAX_TEXTS = 1_000_000;

/** How llama.cpp calls the ways to cut a text that are GPT-2's; older files do not say. */
const GPT2_CUTS = new Set<unknown>([undefined, "default", "gpt-2", "gpt-neox", "mpt", "olmo"]);

/**
 * Makes the tokenizer of a GGUF file's metadata; `undefined` where there is none.
 *
 * Byte-level BPE is read, with texts cut as GPT-2 does, which all published models of this family use. Metadata have no
 * normaliser: a text that is not in Unicode's composed form (NFC) may get other ids than from the model's own
 * `tokenizer.json`, which is better where it is at hand.
 *
 * @param values - the metadata, by name
 * @throws GgufTokenizerError for another kind of tokenizer, or a value that is missing or wrong
 */
export function createGgufTokenizer(values: ReadonlyMap<string, unknown>): Tokenizer | undefined {
  const get = (key: string) => values.get(`tokenizer.ggml.${key}`);
  const model = get("model");
  if (model === undefined) return undefined;
  const wrong = (key: string, expected: string, value: unknown) => {
    const found = typeof value === "string" ? JSON.stringify(value) : value === undefined ? "nothing" : typeof value;
    return new GgufTokenizerError(
      `tokenizer.ggml.${key}: expected ${expected}, found ${found}; put the model's tokenizer.json beside the file`,
    );
  };
  if (model !== "gpt2") throw wrong("model", '"gpt2"', model);
  if (!GPT2_CUTS.has(get("pre"))) throw wrong("pre", "a way to cut texts that is GPT-2's", get("pre"));
  const tokens = texts(get("tokens"));
  if (!tokens) throw wrong("tokens", `a list of at most ${MAX_TEXTS} texts`, get("tokens"));
  const merges = texts(get("merges"));
  if (!merges) throw wrong("merges", `a list of at most ${MAX_TEXTS} texts`, get("merges"));
  const types = get("token_type");
  if (types !== undefined && !(types instanceof Int32Array)) throw wrong("token_type", "a list of numbers", types);

  const tokenOf = (key: string): string | undefined => {
    const id = get(key);
    if (id === undefined) return undefined;
    const token = typeof id === "number" ? tokens[id] : undefined;
    if (token === undefined) throw wrong(key, `an id below ${tokens.length}`, String(id));
    return token;
  };
  const kindOf = (id: number) => types?.[id];
  const isAdded = (id: number) => kindOf(id) === CONTROL || kindOf(id) === USER_DEFINED;
  // A null prototype, so that a token such as `__proto__` is only a token.
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) vocab[token] ??= id;
  const bos = tokenOf("bos_token_id");
  return createTokenizer(
    {
      added_tokens: tokens.flatMap((content, id) =>
        isAdded(id) ? [{ id, content, special: kindOf(id) === CONTROL, normalized: false }] : [],
      ),
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      decoder: { type: "ByteLevel" },
      model: { type: "BPE", vocab, merges },
    },
    {
      bos_token: bos,
      eos_token: tokenOf("eos_token_id"),
      add_bos_token: get("add_bos_token") === true && bos !== undefined,
    },
  );
}

function texts(value: unknown): readonly string[] | undefined {
  const isList = Array.isArray(value) && value.length <= MAX_TEXTS && value.every((text) => typeof text === "string");
  return isList ? value : undefined;
}
