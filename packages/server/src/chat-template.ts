/**
 * A chat as the text that the model goes on with: by the model's own template, or by a plain one here. How templates are rendered:
 * `@blackmamba/tokenizer/chat-template`.
 */
import { createChatTemplate, type ChatMessage as Message } from "@blackmamba/tokenizer/chat-template";
import type { ServedTokenizer } from "./served-model.ts";

/** Who says a message. */
export type ChatRole = "system" | "user" | "assistant";

/** One message of a chat. */
export interface ChatMessage extends Message {
  readonly role: ChatRole;
}

/** How a chat becomes a text. */
export interface ServedTemplate {
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
{%- endif -%}{{ "\\n\\n" }}
{%- endfor -%}
Assistant:`;

const TRANSCRIPT_STOP = ["\nUser:"];

/**
 * Makes a template of Jinja's text; without any, the default.
 *
 * @throws ChatTemplateError where it is no Jinja
 */
export function createServedTemplate(source?: string): ServedTemplate {
  const template = createChatTemplate(source ?? TRANSCRIPT);
  return {
    stop: source === undefined ? TRANSCRIPT_STOP : [],
    render: (messages, { bosToken, eosToken }) =>
      template.render(messages, {
        variables: { ...(bosToken && { bos_token: bosToken }), ...(eosToken && { eos_token: eosToken }) },
      }),
  };
}
