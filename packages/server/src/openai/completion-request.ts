/** The body of `POST /v1/completions`, read and checked. */
import { InvalidParameterError } from "../errors.ts";
import { checkIds, Parameters } from "./parameters.ts";
import {
  ignoreWithoutEffect,
  MAX_LOGPROBS,
  readLengths,
  readSampling,
  readStreaming,
  refuseUnsupported,
} from "./sampling.ts";
import {
  checkChoices,
  checkPrompt,
  encodePrompt,
  type Prompt,
  type RequestContext,
  type TextRequest,
} from "./text-request.ts";

/** As OpenAI has it. */
const DEFAULT_MAX_TOKENS = 16;

/** Reads the body. What is wrong is thrown as an `ApiError`. */
export async function readCompletionRequest(
  body: Readonly<Record<string, unknown>>,
  context: RequestContext,
): Promise<TextRequest> {
  const { limits, vocab } = context;
  const parameters = new Parameters(body);
  parameters.value("model");
  ignoreWithoutEffect(parameters);
  const n = parameters.integer("n", 1, limits.choices) ?? 1;
  refuseUnsupported(parameters, {
    suffix: { neutral: [""], cure: "this model continues a text, and cannot fill a gap in one" },
    best_of: { neutral: [n], cure: 'ask for several texts with "n" and "logprobs", and choose among them' },
  });
  const sampling = readSampling(parameters, limits, vocab);
  const { maxTokens = DEFAULT_MAX_TOKENS, minTokens } = readLengths(parameters, ["max_tokens"], 0, limits);
  const logprobs = parameters.integer("logprobs", 0, MAX_LOGPROBS);
  const echo = parameters.boolean("echo") ?? false;
  const streaming = readStreaming(parameters);
  const prompt = parameters.value("prompt");
  parameters.assertAllKnown();
  const prompts = await readPrompts(prompt, n, context);
  return { prompts, n, options: { ...sampling, maxTokens, minTokens, logprobs, echo }, ...streaming };
}

const PROMPT = "a text, an array of ids, or an array of either";

/** OpenAI takes one text, several, one prompt as ids, or several. */
async function readPrompts(value: unknown, n: number, context: RequestContext): Promise<Prompt[]> {
  const ids = (name: string, found: unknown): Prompt =>
    checkPrompt(name, { ids: checkIds(name, found, context.vocab), addedIds: 0 }, context.limits);
  if (typeof value === "string") return [encodePrompt("prompt", value, context)];
  if (!Array.isArray(value)) throw new InvalidParameterError("prompt", PROMPT, value);
  if (typeof value[0] === "number") return [ids("prompt", value)];
  if (value.length === 0) throw new InvalidParameterError("prompt", `${PROMPT}, and one at least`, value);
  // Before any is encoded.
  checkChoices(value.length, n, context.limits);
  const prompts: Prompt[] = [];
  for (const [index, each] of value.entries()) {
    const name = `prompt[${index}]`;
    if (typeof each === "string") {
      prompts.push(encodePrompt(name, each, context));
      // Others have their turn between two.
      await new Promise((resolve) => setTimeout(resolve));
    } else if (Array.isArray(each)) prompts.push(ids(name, each));
    else throw new InvalidParameterError(name, "a text or an array of ids", each);
  }
  return prompts;
}
