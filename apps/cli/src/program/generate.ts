import type { Command } from "commander";
import { type GenerateOptions, generate } from "../commands/generate.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { DEFAULT_PROMPT } from "../prompt.ts";
import { addModelOptions, addSamplingOptions } from "./text-options.ts";

/** `blackmamba generate`. */
export function addGenerate(program: Command, io: Io, library: Library): void {
  const command = program
    .command("generate")
    .description("continue a prompt; text goes to stdout as it comes, everything else to stderr")
    .argument("[prompt]", `text to continue, "-" to read it from standard input (default: "${DEFAULT_PROMPT}")`);
  addSamplingOptions(addModelOptions(command))
    .option("--json", "print one JSON object at the end instead of text")
    .addHelpText(
      "after",
      `
Without --temperature the likeliest token is always taken, unless --top-k, --top-p,
--min-p or --seed is given: then the temperature is 1. A prompt that begins with "-" goes
after "--"; from one that is read from standard input, the last line end is left out.

Examples:
  $ blackmamba generate "The dog was"
  $ blackmamba generate --temperature 0.8 --top-p 0.95 --seed 7 "One day, a little girl"
  $ echo "Once upon a time" | blackmamba generate - --max-tokens 50
  $ blackmamba generate --model ./my-model --device webgpu --json > story.json
  $ blackmamba generate --model Zyphra/BlackMamba-1.5B --quantize q8_0 "The ocean is"

A model on a hub is kept in the hub's cache (see "blackmamba cache"). HF_ENDPOINT,
HF_TOKEN, HF_HUB_CACHE and HF_HUB_OFFLINE are heeded as everywhere.`,
    )
    .action((prompt: string | undefined, options: GenerateOptions) => generate(prompt, options, io, library));
}
