import { damageBytes, damagedJson, type FuzzTarget, type Random } from "@blackmamba/testing/fuzz";
import { byteLevelTokenizer } from "../fixtures/tiny-tokenizers.ts";
import { TokenizerError } from "./errors.ts";
import { createTokenizer } from "./tokenizer.ts";

const TOKENIZER = byteLevelTokenizer();
const CONFIG = {
  add_bos_token: true,
  bos_token: "<|endoftext|>",
  eos_token: { content: "<|endoftext|>", special: true },
  unk_token: null,
  additional_special_tokens: ["a", { content: "b" }],
  ...{ tokenizer_class: "GPTNeoXTokenizer", clean_up_tokenization_spaces: true, model_max_length: 1e30 },
};

function make(random: Random): Uint8Array {
  const file = new TextEncoder().encode(damagedJson(random, CONFIG));
  return random.chance(0.1) ? damageBytes(random, file) : file;
}

export const target: FuzzTarget = {
  name: "tokenizer-config",
  files: 5000,
  make,
  async read(file) {
    const tokenizer = createTokenizer(TOKENIZER, file);
    const encoded = tokenizer.encodePrompt("a b<|endoftext|>");
    if (tokenizer.decode(encoded).slice(-16) !== "a b<|endoftext|>") throw new Error("text is not as it was");
    for (const id of [tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.endTokenId]) {
      if (id !== undefined && !Number.isSafeInteger(id)) throw new Error(`a special token of id ${id}`);
    }
    tokenizer.decode(encoded, { skipSpecialTokens: true });
  },
  refusals: [TokenizerError],
  outcomes: ["read", "ERR_TOKENIZER_CONFIG"],
};
