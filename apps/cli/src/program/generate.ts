import type { Command } from "commander";
import { type GenerateOptions, generate } from "../commands/generate.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import {
  parseDevice,
  parseMaxTokens,
  parseMinP,
  parseModelFolder,
  parseQuantize,
  parseRepetitionPenalty,
  parseSeed,
  parseStop,
  parseTemperature,
  parseTopK,
  parseTopP,
} from "../options.ts";
import { DEFAULT_PROMPT } from "../prompt.ts";
import { DEVICE_HELP, MODEL_HELP } from "./help.ts";

/** `blackmamba generate`. */
export function addGenerate(program: Command, io: Io, library: Library): void {
  program
    .command("generate")
    .description("continue a prompt; text goes to stdout as it comes, everything else to stderr")
    .argument("[prompt]", `text to continue, "-" to read it from standard input (default: "${DEFAULT_PROMPT}")`)
    .option("--model <model>", MODEL_HELP, parseModelFolder)
    .option("--device <device>", DEVICE_HELP, parseDevice, "auto")
    .option("--quantize <type>", "make the large matrices q8_0 or q4_0 while loading, or none", parseQuantize, "none")
    .option("--max-tokens <count>", "most tokens to write", parseMaxTokens, 200)
    .option("--temperature <number>", "0 always takes the likeliest token; higher is more varied", parseTemperature)
    .option("--top-k <count>", "choose among the so many likeliest tokens only", parseTopK)
    .option("--top-p <number>", "choose among the likeliest tokens that together have this probability", parseTopP)
    .option("--min-p <number>", "choose among tokens at least so many times as likely as the likeliest", parseMinP)
    .option("--repetition-penalty <number>", "above 1 the text repeats itself less", parseRepetitionPenalty)
    .option("--stop <text>", "end the text before this comes; may be given several times", parseStop)
    .option("--seed <number>", "the same seed gives the same text on the same device", parseSeed)
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
