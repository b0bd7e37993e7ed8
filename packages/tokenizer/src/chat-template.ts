/**
 * Messages to the text that a model was trained to answer, by a chat template: a Jinja program, which `@huggingface/jinja` runs.
 * An entrance of its own, `@blackmamba/tokenizer/chat-template`, so that only those who have messages load that library.
 *
 * Not part of a tokenizer: the text that a template makes is encoded like any other.
 *
 * @packageDocumentation
 */
import { Template } from "@huggingface/jinja";
import { ChatTemplateError, TokenizerConfigError } from "./errors.ts";
import { isObject, type JsonObject, kindOf } from "./json-input.ts";
import { tokenizerConfigObject, tokenSetting } from "./tokenizer-config.ts";

/** One message of a conversation. Further fields (`name`, `tool_calls`) are the template's to read. */
export interface ChatMessage {
  /** Such as `system`, `user` or `assistant`: which there are, the template says. */
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Options of {@link ChatTemplate.render}. */
export interface RenderOptions {
  /** Whether the text ends with what an answer begins with. Default `true`. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** What else the template may read, such as `tools`, by the names that it uses. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** Made by {@link createChatTemplate} or {@link readChatTemplate}. */
export interface ChatTemplate {
  /** The template itself. */
  readonly source: string;
  /**
   * The text of a conversation, special tokens written out. A start token is in it where the template puts one, so it is
   * for `tokenizer.encode`, not for `encodePrompt`.
   *
   * A template is a program, and may take as long as it likes: use one of a model that you trust.
   *
   * @throws ChatTemplateError when the template refuses the messages, as many do when roles do not alternate
   */
  render(messages: readonly ChatMessage[], options?: RenderOptions): string;
}

/**
 * A template from its source.
 *
 * @param source - Jinja, as in `chat_template.jinja`
 * @param specialTokens - texts of the tokens that a template may name, such as `eos_token`, by these names. Default none: then they
 *   are undefined, which prints as nothing
 * @throws ChatTemplateError when the source is no Jinja
 */
export function createChatTemplate(source: string, specialTokens: Readonly<Record<string, string>> = {}): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw new ChatTemplateError(`expected Jinja, found ${JSON.stringify(excerpt(source))} (${messageOf(cause)})`, {
      cause,
    });
  }
  return {
    source,
    render(messages, { addGenerationPrompt = true, variables = {} } = {}) {
      try {
        return template.render({
          ...specialTokens,
          ...variables,
          messages,
          add_generation_prompt: addGenerationPrompt,
        });
      } catch (cause) {
        const roles = messages.map(({ role }) => role).join(", ");
        throw new ChatTemplateError(
          `expected messages that it takes, found it refuses those of ${roles || "nobody"} (${messageOf(cause)})`,
          { cause },
        );
      }
    },
  };
}

/**
 * The template that a model's `tokenizer_config.json` holds, with the special tokens that the file names; `undefined` where it holds none.
 *
 * @param config - the file's contents: parsed JSON, text or bytes
 * @param name - which, where the file holds several. Default `default`
 * @throws TokenizerConfigError when the file cannot be read, or has no template of this name among several; ChatTemplateError when it is no Jinja
 */
export function readChatTemplate(config: unknown, name = "default"): ChatTemplate | undefined {
  const settings = tokenizerConfigObject(config);
  const source = templateSource(settings["chat_template"], name);
  return source === undefined ? undefined : createChatTemplate(source, specialTokensOf(settings));
}

/** A file holds one template, or a list of `{ name, template }`. */
function templateSource(setting: unknown, name: string): string | undefined {
  if (setting === undefined || setting === null || typeof setting === "string") return setting ?? undefined;
  if (!Array.isArray(setting)) {
    throw new TokenizerConfigError(`expected "chat_template" to be a text or an array, found ${kindOf(setting)}`);
  }
  const named: readonly JsonObject[] = setting.filter(isObject);
  const source = named.find((each) => each["name"] === name)?.["template"];
  if (typeof source === "string") return source;
  const names = named.map((each) => kindOf(each["name"])).join(", ");
  throw new TokenizerConfigError(
    `expected "chat_template" to have one named ${JSON.stringify(name)}, found ${names || "none with a name"}; name one of those`,
  );
}

/** `eos_token` and its like. Without one, a template writes nothing where it names it. */
function specialTokensOf(settings: JsonObject): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of Object.keys(settings)) {
    if (!/^[a-z]+_token$/.test(name) || name.startsWith("add_")) continue;
    const token = tokenSetting(settings, name);
    if (token !== undefined) tokens[name] = token;
  }
  return tokens;
}

function excerpt(source: string): string {
  return source.length > 40 ? `${source.slice(0, 40)}…` : source;
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, " ");
}
