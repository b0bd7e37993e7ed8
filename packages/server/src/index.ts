/**
 * An HTTP server with the OpenAI wire format for a BlackMamba model, on any runtime with `fetch`'s `Request` and `Response`. To listen
 * on a port in Node: `@blackmamba/server/node`.
 *
 * @packageDocumentation
 */
export { createServer, type Server, type ServerOptions } from "./create-server.ts";
export { ApiError, type ApiErrorOptions, type ErrorBody, type ErrorType } from "./errors.ts";
export type { ExchangeCounts } from "./exchange.ts";
export { type ChatTemplateOptions, findChatTemplate } from "./find-chat-template.ts";
export { parseKeys } from "./keys.ts";
export { DEFAULT_LIMITS, type RequestLimits } from "./limits.ts";
export type { RequestRecord } from "./request-record.ts";
export type { Generate, ServedBatcher, ServedModel, ServedTokenizer } from "./served-model.ts";
export type { ServerState } from "./serving.ts";
