import type { Command } from "commander";
import { type ChatOptions, chat } from "../commands/chat.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { parseSavedChat, parseText } from "../options.ts";
import { addModelOptions, addSamplingOptions } from "./text-options.ts";

/** Varied, and without what the model itself thinks unlikely. */
const DEFAULT_SAMPLING = { temperature: 0.8, topP: 0.95 };

/** `blackmamba chat`. */
export function addChat(program: Command, io: Io, library: Library): void {
  const command = program
    .command("chat")
    .description("write a text together with a model, turn by turn, in a terminal or from a script on standard input");
  addSamplingOptions(addModelOptions(command), DEFAULT_SAMPLING)
    .option("--prompt <text>", "what the text begins with, or @ and the file that it is in", parseText("--prompt"))
    .option("--template <template>", "chat template in Jinja, or @ and its file", parseText("--template"))
    .option("--system <text>", "the system's message for the template, or @ and its file", parseText("--system"))
    .option("--user-prefix <text>", "goes before what is typed, on a line of its own; ends an answer, too")
    .option("--assistant-prefix <text>", "goes before each answer, on a line of its own")
    .option("--load <file>", "go on from a file that /save has written", parseSavedChat)
    .addHelpText(
      "after",
      `
These are base models: by default what you type is appended to the text as it is, without a
line end, and the model goes on from there. An empty line has it go on without you. A line
that ends in a backslash goes on in the next one, and so do lines between """ and """.

The model's state carries the text, so a turn costs only its own tokens, however long the
text is. /undo, /retry, /fork, /switch, /save, /load, /history, /set, /stats: /help in a
chat tells what they do. Ctrl-C stops an answer; Ctrl-D leaves.

With --seed each answer has a seed of its own, one above that of the answer before.
A template file that ends in .json, such as tokenizer_config.json, holds it as "chat_template".

Examples:
  $ blackmamba chat
  $ blackmamba chat --prompt "Once upon a time" --temperature 0.6 --max-tokens 60
  $ blackmamba chat --user-prefix "Q: " --assistant-prefix "A:" --stop "\n"
  $ blackmamba chat --model ./my-model --template @chatml.jinja --system "Be brief."
  $ printf '%s\n' "The dog was" "/save story.chat" | blackmamba chat --seed 7
  $ blackmamba chat --load story.chat

Exit codes: 0 left, or the script's end; 1 a failure, of a script also a wrong command in it;
2 wrong use; 130 Ctrl-C while loading, or in a script.`,
    )
    .action((options: ChatOptions) => chat(options, io, library));
}
