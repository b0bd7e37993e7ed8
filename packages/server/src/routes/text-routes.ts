/** `/v1/completions` and `/v1/chat/completions`. */
import type { Context, Hono } from "hono";
import { answer, toApiError } from "../answer.ts";
import type { ServedTemplate } from "../chat-template.ts";
import { InvalidParameterError, UnknownModelError } from "../errors.ts";
import type { EventStreamOptions } from "../event-stream.ts";
import type { Metrics } from "../metrics.ts";
import { chatFormat } from "../openai/chat-format.ts";
import { readChatRequest } from "../openai/chat-request.ts";
import { completionFormat } from "../openai/completion-format.ts";
import { readCompletionRequest } from "../openai/completion-request.ts";
import type { RequestContext, TextRequest } from "../openai/text-request.ts";
import type { AnswerHead, WireFormat } from "../openai/wire-format.ts";
import { readBody } from "../read-body.ts";
import type { ServedTokenizer } from "../served-model.ts";
import type { Serving } from "../serving.ts";
import type { ServerEnv } from "./server-env.ts";

interface TextRouteOptions extends EventStreamOptions {
  readonly modelName: string;
  readonly template: ServedTemplate;
  readonly timeoutMs: number;
  readonly metrics: Metrics;
}

/** What the endpoints differ in. */
interface Endpoint {
  readonly read: (body: Readonly<Record<string, unknown>>, context: RequestContext) => Promise<TextRequest>;
  readonly format: (request: TextRequest, head: AnswerHead, tokenizer: ServedTokenizer) => WireFormat;
}

export function addTextRoutes(app: Hono<ServerEnv>, serving: Serving, options: TextRouteOptions): void {
  const { template } = options;
  const endpoints: Readonly<Record<string, Endpoint>> = {
    "/v1/completions": { read: readCompletionRequest, format: completionFormat },
    "/v1/chat/completions": {
      read: (body, context) => readChatRequest(body, context, template),
      format: chatFormat,
    },
  };
  for (const [path, endpoint] of Object.entries(endpoints)) {
    app.post(path, (c) => answerText(c, endpoint, serving, options));
  }
}

async function answerText(
  c: Context<ServerEnv>,
  endpoint: Endpoint,
  serving: Serving,
  options: TextRouteOptions,
): Promise<Response> {
  const { modelName, timeoutMs, stallMs, heartbeatMs, metrics } = options;
  const { limits, admission, exchanges } = serving;
  // Before anything is read: a server that is not ready does not read.
  const { tokenizer, vocab } = serving.loaded;
  const body = await readBody(c.req.raw, limits.bodyByteLength);
  checkModel(body["model"], modelName);
  const request = await endpoint.read(body, { tokenizer, vocab, limits });
  // It may have begun to shut down while the body came.
  const { generate } = serving.loaded;

  const exchange = exchanges.begin(c.req.raw.signal, timeoutMs);
  c.set("exchange", exchange);
  const head = { id: crypto.randomUUID(), created: Math.floor(Date.now() / 1000), model: modelName };
  try {
    return await answer(request, endpoint.format(request, head, tokenizer), exchange, {
      ...{ generate, admission, streaming: { stallMs, heartbeatMs } },
      onTiming: (durationMs, isFirst) => metrics.countToken(durationMs, isFirst),
    });
  } catch (error) {
    const failure = toApiError(error);
    exchange.end(failure);
    throw failure;
  }
}

/** A request need not name the model: there is one. */
function checkModel(found: unknown, served: string): void {
  if (found === undefined || found === null || found === served) return;
  if (typeof found !== "string") throw new InvalidParameterError("model", `a text, ${JSON.stringify(served)}`, found);
  throw new UnknownModelError(found, served);
}
