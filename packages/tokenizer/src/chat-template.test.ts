import { describe, expect, test } from "vitest";
import { type ChatMessage, createChatTemplate, readChatTemplate } from "./chat-template.ts";
import { TokenizerError } from "./index.ts";

/** As Qwen's and many others' have it. */
const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** As Mistral's first: roles have to alternate, and answers end with the end token. */
const ALTERNATING = `{{ bos_token }}{% for message in messages %}
  {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
    {{ raise_exception('Conversation roles must alternate') }}
  {% endif %}
  {%- if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}
  {%- else %}{{ message['content'] + eos_token }}
  {%- endif %}
{%- endfor %}`;

const conversation: ChatMessage[] = [
  { role: "user", content: "Hello." },
  { role: "assistant", content: "Hi!" },
  { role: "user", content: "{{ 7 * 6 }} %}" },
];

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

describe("rendering", () => {
  test("a conversation, with and without the beginning of an answer", () => {
    const { render, source } = createChatTemplate(CHATML);
    const text =
      "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\nHi!<|im_end|>\n" +
      // What a message says is never run.
      "<|im_start|>user\n{{ 7 * 6 }} %}<|im_end|>\n";
    expect(render(conversation)).toBe(`${text}<|im_start|>assistant\n`);
    expect(render(conversation, { addGenerationPrompt: false })).toBe(text);
    expect(render([])).toBe("<|im_start|>assistant\n");
    expect(source).toBe(CHATML);
  });

  test("special tokens and further variables by the names that a template uses", () => {
    const { render } = createChatTemplate(
      "{{ bos_token }}{{ date }}{{ messages[0].name }}{{ eos_token }}|{{ unknown }}",
      {
        bos_token: "<s>",
        eos_token: "</s>",
      },
    );
    const message = { role: "user", content: "", name: "Anna" };
    expect(render([message], { variables: { date: "today " } })).toBe("<s>today Anna</s>|");
    // The conversation is what was handed over, whatever else is.
    expect(render([message], { variables: { messages: [] } })).toBe("<s>Anna</s>|");
  });

  test("each turn's text begins with the text of the turns before", () => {
    for (const { render } of [createChatTemplate(CHATML), createChatTemplate(ALTERNATING, { eos_token: "</s>" })]) {
      const before = render(conversation.slice(0, 1)) + (conversation[1] as ChatMessage).content;
      expect(render(conversation).startsWith(before)).toBe(true);
    }
  });

  test("a template that refuses the messages says whose they were and why", () => {
    const { render } = createChatTemplate(ALTERNATING, { eos_token: "</s>" });
    const error = thrownBy(() => render([...conversation, { role: "user", content: "Again." }]));
    expect(error).toBeInstanceOf(TokenizerError);
    expect(error).toMatchObject({
      name: "ChatTemplateError",
      code: "ERR_CHAT_TEMPLATE",
      message:
        "chat template: expected messages that it takes, found it refuses those of user, assistant, user, user " +
        "(Conversation roles must alternate)",
    });
  });
});

describe("tokenizer_config.json", () => {
  const tokens = {
    bos_token: "<s>",
    eos_token: { content: "</s>", special: true },
    add_bos_token: true,
    pad_token: null,
  };

  test("its template has its special tokens", () => {
    const template = readChatTemplate({ ...tokens, chat_template: ALTERNATING });
    expect(template?.render(conversation.slice(0, 2))).toBe("<s>[INST] Hello. [/INST]Hi!</s>");
    const text = JSON.stringify({ ...tokens, chat_template: CHATML });
    expect(readChatTemplate(text)?.source).toBe(CHATML);
    expect(readChatTemplate(new TextEncoder().encode(text))?.source).toBe(CHATML);
  });

  test("one of several is chosen by its name", () => {
    const chat_template = [
      { name: "default", template: "plain" },
      { name: "tool_use", template: "tools" },
    ];
    expect(readChatTemplate({ chat_template })?.render([])).toBe("plain");
    expect(readChatTemplate({ chat_template }, "tool_use")?.render([])).toBe("tools");
    expect(() => readChatTemplate({ chat_template }, "rag")).toThrow(
      'expected "chat_template" to have one named "rag", found "default", "tool_use"; name one of those',
    );
  });

  test("without one there is none", () => {
    for (const config of [undefined, null, {}, { chat_template: null }]) {
      expect(readChatTemplate(config)).toBeUndefined();
    }
  });

  test.each<[unknown, string, string]>([
    [{ chat_template: 7 }, "ERR_TOKENIZER_CONFIG", 'expected "chat_template" to be a text or an array, found 7'],
    [{ chat_template: [] }, "ERR_TOKENIZER_CONFIG", "found none with a name"],
    [{ chat_template: "x", eos_token: 7 }, "ERR_TOKENIZER_CONFIG", 'expected "eos_token" to be a text'],
    ["[]", "ERR_TOKENIZER_CONFIG", "expected an object, found an array"],
    [{ chat_template: "{% for x %}" }, "ERR_CHAT_TEMPLATE", 'expected Jinja, found "{% for x %}" ('],
    [{ chat_template: "{{ messages" }, "ERR_CHAT_TEMPLATE", 'expected Jinja, found "{{ messages" ('],
  ])("%o is refused", (config, code, message) => {
    const error = thrownBy(() => readChatTemplate(config));
    expect(error).toBeInstanceOf(TokenizerError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(error.message).not.toContain("\n");
  });
});
