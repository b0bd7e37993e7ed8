/** Answers of `/v1/completions`, whole and in chunks. */
import type { FinishReason, GeneratedToken } from "@blackmamba/model";
import type { ServedTokenizer } from "../served-model.ts";
import type { Prompt, TextRequest } from "./text-request.ts";
import { tokenText } from "./token-text.ts";
import type { AnswerHead, Usage, WireFormat } from "./wire-format.ts";

/** Log-probabilities in the old format: lists of the same length. */
interface CompletionLogprobs {
  readonly tokens: string[];
  /** `null` for a prompt's first token, which nothing comes before. */
  readonly token_logprobs: (number | null)[];
  /** The likeliest tokens, and the one that was taken. */
  readonly top_logprobs: (Record<string, number> | null)[];
  /** Where each token's text begins in prompt and answer together, in UTF-16 units. */
  readonly text_offset: number[];
}

/** The format of this request's answers. */
export function completionFormat(request: TextRequest, head: AnswerHead, tokenizer: ServedTokenizer): WireFormat {
  const wantsLogprobs = request.options.logprobs !== undefined;
  const isEcho = request.options.echo === true;
  // Where each choice's next token begins.
  const offsets = new Map<number, number>();
  const startOf = (index: number): number => {
    const { ids, addedIds } = request.prompts[Math.floor(index / request.n)] as Prompt;
    return isEcho || !wantsLogprobs ? 0 : tokenizer.decode(ids.slice(addedIds)).length;
  };

  function choice(index: number, tokens: readonly GeneratedToken[], finishReason: FinishReason | null) {
    const text = tokens.map((token) => token.text).join("");
    return { index, text, logprobs: wantsLogprobs ? logprobs(index, tokens) : null, finish_reason: finishReason };
  }

  function logprobs(index: number, tokens: readonly GeneratedToken[]): CompletionLogprobs {
    let offset = offsets.get(index) ?? startOf(index);
    const lists: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const { id, text, logprob, topLogprobs = [] } of tokens) {
      const name = tokenText(id, tokenizer);
      lists.tokens.push(name);
      lists.token_logprobs.push(logprob ?? null);
      const top = topLogprobs.map((each) => [tokenText(each.id, tokenizer), each.logprob]);
      lists.top_logprobs.push(logprob === undefined ? null : Object.fromEntries([...top, [name, logprob]]));
      lists.text_offset.push(offset);
      offset += text.length;
    }
    offsets.set(index, offset);
    return lists;
  }

  const answer = (choices: readonly unknown[], usage?: Usage) => ({
    ...{ id: `cmpl-${head.id}`, object: "text_completion", created: head.created, model: head.model },
    ...{ choices, ...(usage && { usage }) },
  });
  return {
    whole: (texts, usage) =>
      answer(
        texts.map(({ tokens, finishReason }, index) => choice(index, tokens, finishReason)),
        usage,
      ),
    opening: () => undefined,
    // Text that is held back, as it may begin a stop string, comes with a later token.
    piece: (index, token) => (token.text === "" && !wantsLogprobs ? undefined : answer([choice(index, [token], null)])),
    closing: (index, finishReason) => answer([{ ...choice(index, [], finishReason), logprobs: null }]),
    usage: (usage) => answer([], usage),
  };
}
