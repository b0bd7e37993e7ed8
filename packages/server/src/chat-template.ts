/**
 * Messages of a chat as the text that the model continues. Templates are Jinja's, as models bring them along; for one that brings none
 * there is a plain one here.
 */
import { Template } from "@huggingface/jinja";
import { ChatTemplateError } from "./errors.ts";
import type { ServedTokenizer } from "./served-model.ts";

/** Who says a message. */
export type ChatRole = "system" | "user" | "assistant";

/** One message of a chat. */
export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
  readonly name?: string;
}

/** How a chat becomes a text. */
export interface ChatTemplate {
  /** What ends the model's turn, besides its end token. */
  readonly stop: readonly string[];
  /** @throws ChatTemplateError where the template refuses the messages */
  render(messages: readonly ChatMessage[], tokens: Pick<ServedTokenizer, "bosToken" | "eosToken">): string;
}

/**
 * The default: a transcript, of which the model writes the next part. Base models have read many like it. The answer ends where they
 * would go on with the other's next part.
 */
const TRANSCRIPT = `{%- for message in messages -%}
{%- if message.role == "system" -%}{{ message.content }}
{%- else -%}{{ message.role | capitalize }}: {{ message.content }}
{%- endif -%}{{ "\n\n" }}
{%- endfor -%}
Assistant:`;

const TRANSCRIPT_STOP = ["\nUser:"];

/**
 * Makes a template of Jinja's text.
 *
 * @param source - as `chat_template` in `tokenizer_config.json`; left out: the plain default
 * @throws ChatTemplateError where it is no Jinja
 */
export function createChatTemplate(source?: string): ChatTemplate {
  const template = parse(source ?? TRANSCRIPT);
  return {
    stop: source === undefined ? TRANSCRIPT_STOP : [],
    render(messages, { bosToken = "", eosToken = "" }) {
      const variables = { messages, add_generation_prompt: true, bos_token: bosToken, eos_token: eosToken };
      try {
        return template.render(variables);
      } catch (cause) {
        throw new ChatTemplateError(`expected messages that the chat template takes, found that ${reasonOf(cause)}`, {
          cause,
        });
      }
    },
  };
}

function parse(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new ChatTemplateError(`chat template: expected Jinja, found that ${reasonOf(cause)}; mend the template`, {
      cause,
    });
  }
}

/**
 * The chat template that a `tokenizer_config.json` names: its only one, or of several the one called `default`.
 *
 * @param config - the file, parsed
 */
export function chatTemplateOf(config: unknown): string | undefined {
  const found: unknown = (config as { chat_template?: unknown } | undefined)?.chat_template;
  if (typeof found === "string") return found;
  if (found === undefined || found === null) return undefined;
  const named: unknown = Array.isArray(found) ? found.find((each) => each?.name === "default")?.template : undefined;
  if (typeof named === "string") return named;
  throw new ChatTemplateError(
    'tokenizer_config.json: expected "chat_template" to be a text, or several with one called "default", found neither; ' +
      "mend it, or give a template of your own",
  );
}

function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, " ");
}
