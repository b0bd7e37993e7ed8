/** Answers one request for text, whole or as a stream: the part that both endpoints have in common. */
import type { Admission } from "./admission.ts";
import { ApiError, ClientGoneError, InternalError } from "./errors.ts";
import { type EventStreamOptions, eventStream } from "./event-stream.ts";
import type { Exchange } from "./exchange.ts";
import type { TextRequest } from "./openai/text-request.ts";
import type { Usage, WireFormat } from "./openai/wire-format.ts";
import { runTexts, type TextListener } from "./run-texts.ts";
import type { Generate } from "./served-model.ts";

/** What answering needs of the server. */
export interface AnswerContext {
  readonly generate: Generate;
  readonly admission: Admission;
  readonly streaming: EventStreamOptions;
  /** See `TextListener`. */
  readonly onTiming: TextListener["onTiming"];
}

/**
 * Answers the request, and ends the exchange when everything is said: of a stream, that is later.
 *
 * @throws ApiError where nothing was said yet
 */
export async function answer(
  request: TextRequest,
  format: WireFormat,
  exchange: Exchange,
  context: AnswerContext,
): Promise<Response> {
  const { generate, admission, streaming, onTiming } = context;
  const listener = { onTiming, onPlaceFree: admission.enter(request.prompts.length * request.n) };

  if (!request.stream) {
    const texts = await runTexts(request, generate, exchange, listener);
    exchange.end();
    return Response.json(format.whole(texts, usageOf(exchange)));
  }

  return eventStream(exchange, streaming, async (send) => {
    // All chunks but the last say that their usage is not known yet, where it is asked for.
    const write = (chunk: object | undefined) =>
      chunk ? send(JSON.stringify(request.includeUsage ? { ...chunk, usage: null } : chunk)) : Promise.resolve();
    try {
      await runTexts(request, generate, exchange, {
        ...listener,
        onOpening: (index) => write(format.opening(index)),
        onToken: (index, token) => write(format.piece(index, token)),
        onClosing: (index, finishReason) => write(format.closing(index, finishReason)),
      });
      if (request.includeUsage) await send(JSON.stringify(format.usage(usageOf(exchange))));
      await send("[DONE]");
      exchange.end();
    } catch (error) {
      const failure = toApiError(error);
      exchange.end(failure);
      // Clients of OpenAI throw it.
      if (!(failure instanceof ClientGoneError)) await send(JSON.stringify(failure.body()));
    }
  });
}

/** Any failure, as the client is told. */
export function toApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new InternalError(error);
}

function usageOf({ counts }: Exchange): Usage {
  const { promptTokens, completionTokens } = counts;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
