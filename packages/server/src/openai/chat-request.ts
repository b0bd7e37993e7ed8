/** The body of `POST /v1/chat/completions`, read and checked. */
import { ChatTemplateError } from "@blackmamba/tokenizer";
import type { ChatMessage, ChatRole, ServedTemplate } from "../chat-template.ts";
import { ApiError, InvalidParameterError, UnsupportedParameterError } from "../errors.ts";
import { isObject, Parameters } from "./parameters.ts";
import {
  ignoreWithoutEffect,
  MAX_LOGPROBS,
  readLengths,
  readSampling,
  readStreaming,
  refuseUnsupported,
} from "./sampling.ts";
import { encodePrompt, type RequestContext, type TextRequest } from "./text-request.ts";

const NO_TOOLS = "this model calls no tools";

/** Of OpenAI's interface, and not for a model that only continues text; with the values that ask for nothing. */
const UNSUPPORTED = {
  tools: { neutral: [[]], cure: NO_TOOLS },
  tool_choice: { neutral: ["none", "auto"], cure: NO_TOOLS },
  parallel_tool_calls: { neutral: [true, false], cure: NO_TOOLS },
  functions: { neutral: [[]], cure: NO_TOOLS },
  function_call: { neutral: ["none", "auto"], cure: NO_TOOLS },
  response_format: { neutral: [{ type: "text" }], cure: "answers are plain text" },
  modalities: { neutral: [["text"]], cure: "answers are text" },
  audio: { neutral: [], cure: "answers are text" },
  prediction: { neutral: [], cure: "nothing is predicted here" },
  web_search_options: { neutral: [], cure: "nothing is looked up here" },
} as const;

/** Reads the body. What is wrong is thrown as an `ApiError`. */
export async function readChatRequest(
  body: Readonly<Record<string, unknown>>,
  context: RequestContext,
  template: ServedTemplate,
): Promise<TextRequest> {
  const { limits, vocab } = context;
  const parameters = new Parameters(body);
  parameters.value("model");
  ignoreWithoutEffect(parameters);
  refuseUnsupported(parameters, UNSUPPORTED);
  const n = parameters.integer("n", 1, limits.choices) ?? 1;
  const { stop = [], ...sampling } = readSampling(parameters, limits, vocab);
  const lengthNames = ["max_completion_tokens", "max_tokens"];
  const { maxTokens = limits.maxTokens, minTokens } = readLengths(parameters, lengthNames, 1, limits);
  const wantsLogprobs = parameters.boolean("logprobs") ?? false;
  const topLogprobs = parameters.integer("top_logprobs", 0, MAX_LOGPROBS);
  if (topLogprobs !== undefined && !wantsLogprobs) {
    throw new InvalidParameterError("top_logprobs", 'to be left out where "logprobs" is not true', topLogprobs);
  }
  const streaming = readStreaming(parameters);
  const messages = readMessages(parameters.value("messages"));
  parameters.assertAllKnown();
  const options = {
    ...sampling,
    ...{ maxTokens, minTokens },
    stop: [...stop, ...template.stop],
    logprobs: wantsLogprobs ? (topLogprobs ?? 0) : undefined,
  };
  const prompt = encodePrompt("messages", render(template, messages, context), context);
  return { prompts: [prompt], n, options, ...streaming };
}

/** `developer` is what OpenAI calls `system` for some of its models. */
const ROLES: Readonly<Record<string, ChatRole>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
};

function readMessages(value: unknown): ChatMessage[] {
  if (Array.isArray(value) && value.length > 0) return value.map(readMessage);
  throw new InvalidParameterError("messages", "an array of messages, and one at least", value);
}

function readMessage(value: unknown, index: number): ChatMessage {
  const param = `messages[${index}]`;
  if (!isObject(value)) throw new InvalidParameterError(param, 'an object with "role" and "content"', value);
  const { role, content, name, tool_calls: calls } = value;
  if (role === "tool" || role === "function") throw new UnsupportedParameterError(`${param}.role "${role}"`, NO_TOOLS);
  if (typeof role !== "string" || !Object.hasOwn(ROLES, role)) {
    throw new InvalidParameterError(`${param}.role`, Object.keys(ROLES).join(", "), role);
  }
  if (Array.isArray(calls) && calls.length > 0) throw new UnsupportedParameterError(`${param}.tool_calls`, NO_TOOLS);
  if (name !== undefined && name !== null && typeof name !== "string") {
    throw new InvalidParameterError(`${param}.name`, "a text", name);
  }
  const message = { role: ROLES[role] as ChatRole, content: readContent(content, `${param}.content`) };
  return typeof name === "string" ? { ...message, name } : message;
}

/** A text, or parts that are texts. */
function readContent(value: unknown, param: string): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value) || value.length === 0) {
    throw new InvalidParameterError(param, 'a text, or an array of parts of type "text"', value);
  }
  return value
    .map((part: unknown, index) => {
      const at = `${param}[${index}]`;
      if (!isObject(part)) throw new InvalidParameterError(at, 'a part of type "text"', part);
      if (part["type"] !== "text") throw new InvalidParameterError(`${at}.type`, '"text"', part["type"]);
      if (typeof part["text"] === "string") return part["text"];
      throw new InvalidParameterError(`${at}.text`, "a text", part["text"]);
    })
    .join("");
}

function render(template: ServedTemplate, messages: readonly ChatMessage[], { tokenizer }: RequestContext): string {
  try {
    return template.render(messages, tokenizer);
  } catch (error) {
    if (!(error instanceof ChatTemplateError)) throw error;
    throw new ApiError("invalid_value", `messages: ${error.message}`, { status: 400, param: "messages", cause: error });
  }
}
