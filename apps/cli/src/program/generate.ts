import type { Command } from "commander";
import { type GenerateOptions, generate } from "../commands/generate.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { parseCount, parseFile, parseLogprobs } from "../options.ts";
import { DEFAULT_PROMPT } from "../prompt.ts";
import { addModelOptions, addSamplingOptions } from "./text-options.ts";

/** `blackmamba generate`. */
export function addGenerate(program: Command, io: Io, library: Library): void {
  const command = program
    .command("generate")
    .description("continue a prompt; text goes to stdout as it comes, everything else to stderr")
    .argument("[prompt]", `text to continue, "-" to read it from standard input (default: "${DEFAULT_PROMPT}")`);
  addSamplingOptions(addModelOptions(command))
    .option("-n, --samples <count>", "write so many texts of the prompt, shown at the end", parseCount("--samples"))
    .option("--save-state <file>", "leave what the model has read in this file", parseFile("--save-state"))
    .option("--load-state <file>", "go on from such a file; the prompt may be left out", parseFile("--load-state"))
    .option("--force", "overwrite the file of --save-state")
    .option("--json", "print one JSON object at the end instead of text")
    .option(
      "--logprobs <count>",
      "with --json: how likely each token was, and so many likeliest, 0 to 20",
      parseLogprobs,
    )
    .addHelpText(
      "after",
      `
Without --temperature the likeliest token is always taken, unless --top-k, --top-p,
--min-p, --typical-p, --seed or several --samples are asked for: then the temperature is
1. Sample s has the seed plus s. A prompt that begins with "-" goes after "--"; from one
that is read from standard input, the last line end is left out.

A state takes as many bytes after any number of tokens. It is saved when the text ends,
also by Ctrl-C, and belongs to the model that has made it. Penalties know of the prompt
and the text, not of what a loaded state has read before.

Examples:
  $ blackmamba generate "The dog was"
  $ blackmamba generate --temperature 0.8 --top-p 0.95 --seed 7 "One day, a little girl"
  $ echo "Once upon a time" | blackmamba generate - --max-tokens 50
  $ blackmamba generate --model ./my-model --device webgpu --json > story.json
  $ blackmamba generate --model Zyphra/BlackMamba-1.5B --quantize q8_0 "The ocean is"
  $ blackmamba generate -n 3 --typical-p 0.9 --frequency-penalty 0.3 "The dog was"
  $ blackmamba generate --logit-bias 16:-Infinity --stop-id 0 --json --logprobs 3 "The dog was"
  $ blackmamba generate --max-tokens 20 --save-state story.state "The dog was"
  $ blackmamba generate --load-state story.state --save-state story.state --force

A model on a hub is kept in the hub's cache (see "blackmamba cache"). HF_ENDPOINT,
HF_TOKEN, HF_HUB_CACHE and HF_HUB_OFFLINE are heeded as everywhere.`,
    )
    .action((prompt: string | undefined, options: GenerateOptions) => generate(prompt, options, io, library));
}
