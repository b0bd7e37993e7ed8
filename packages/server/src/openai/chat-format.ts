/** Answers of `/v1/chat/completions`, whole and in chunks. */
import type { FinishReason, GeneratedToken } from "@blackmamba/model";
import type { ServedTokenizer } from "../served-model.ts";
import type { TextRequest } from "./text-request.ts";
import { tokenText } from "./token-text.ts";
import type { AnswerHead, Usage, WireFormat } from "./wire-format.ts";

/** The format of this request's answers. */
export function chatFormat(request: TextRequest, head: AnswerHead, tokenizer: ServedTokenizer): WireFormat {
  const wantsLogprobs = request.options.logprobs !== undefined;

  const textOf = (tokens: readonly GeneratedToken[]) => tokens.map((token) => token.text).join("");
  const logprobsOf = (tokens: readonly GeneratedToken[]) =>
    wantsLogprobs
      ? {
          content: tokens.map(({ id, logprob = 0, topLogprobs = [] }) => ({
            ...tokenLogprob(id, logprob, tokenizer),
            top_logprobs: topLogprobs.map((top) => tokenLogprob(top.id, top.logprob, tokenizer)),
          })),
          refusal: null,
        }
      : null;

  const answer = (object: string, choices: readonly unknown[], usage?: Usage) => ({
    ...{ id: `chatcmpl-${head.id}`, object, created: head.created, model: head.model },
    ...{ choices, ...(usage && { usage }) },
  });
  const chunk = (index: number, delta: object, logprobs: object | null, finishReason: FinishReason | null) =>
    answer("chat.completion.chunk", [{ index, delta, logprobs, finish_reason: finishReason }]);
  return {
    whole: (texts, usage) =>
      answer(
        "chat.completion",
        texts.map(({ tokens, finishReason }, index) => ({
          index,
          message: { role: "assistant", content: textOf(tokens), refusal: null },
          logprobs: logprobsOf(tokens),
          finish_reason: finishReason,
        })),
        usage,
      ),
    opening: (index) => chunk(index, { role: "assistant", content: "" }, null, null),
    piece: (index, token) =>
      token.text === "" && !wantsLogprobs
        ? undefined
        : chunk(index, { content: token.text }, logprobsOf([token]), null),
    closing: (index, finishReason) => chunk(index, {}, null, finishReason),
    usage: (usage) => answer("chat.completion.chunk", [], usage),
  };
}

/** A token as text, and as bytes where it is text. */
function tokenLogprob(id: number, logprob: number, tokenizer: ServedTokenizer) {
  const token = tokenText(id, tokenizer);
  const isText = token === tokenizer.decode([id]);
  return { token, logprob, bytes: isText ? [...new TextEncoder().encode(token)] : null };
}
