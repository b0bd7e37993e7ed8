/** The chat template that a model brings along, in its folder. Not that within a GGUF file. */
import { openModelFolder } from "@blackmamba/model";
import { ChatTemplateError } from "@blackmamba/tokenizer";
import { readChatTemplate } from "@blackmamba/tokenizer/chat-template";

/** Newer models have it in a file of its own, which goes before the other. */
const TEMPLATE_FILE = "chat_template.jinja";
const CONFIG_FILE = "tokenizer_config.json";

/** No template is a hundredth of that. */
const MAX_BYTES = 1 << 20;

/** Options of {@link findChatTemplate}. */
export type ChatTemplateOptions = Parameters<typeof openModelFolder>[1];

/**
 * Finds it.
 *
 * @param source - as `BlackMamba.load` takes it: a folder, an address, or a name on a hub
 * @returns Jinja; `undefined` where the model has none, as base models do
 * @throws ChatTemplateError, TokenizerConfigError where the file is not what it should be; ModelFileError, CheckpointError where there is no folder
 */
export async function findChatTemplate(source: string, options?: ChatTemplateOptions): Promise<string | undefined> {
  const folder = await openModelFolder(source, options);
  const files = await folder.list();
  const name = [TEMPLATE_FILE, CONFIG_FILE].find((each) => files.includes(each));
  if (name === undefined) return undefined;
  const file = await folder.open(name, { signal: options?.signal });
  try {
    if (file.byteLength > MAX_BYTES) {
      throw new ChatTemplateError(`${file.name}: expected at most ${MAX_BYTES} bytes, found ${file.byteLength}`);
    }
    await file.complete?.({ signal: options?.signal });
    const text = new TextDecoder().decode(await file.read(0, file.byteLength, { signal: options?.signal }));
    return name === TEMPLATE_FILE ? text : readChatTemplate(text)?.source;
  } finally {
    await file.close?.();
  }
}
