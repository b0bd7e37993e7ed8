/** The command line: commands, their options and their help. What a command does is in `commands/`. */
import { Command } from "commander";
import { type DevicesOptions, devices } from "./commands/devices.ts";
import { type GenerateOptions, generate } from "./commands/generate.ts";
import { type InfoOptions, info } from "./commands/info.ts";
import type { Io } from "./io.ts";
import type { Library } from "./library.ts";
import {
  parseDevice,
  parseMaxTokens,
  parseModelFolder,
  parseSeed,
  parseTemperature,
  parseTopK,
  parseTopP,
} from "./options.ts";
import { DEFAULT_PROMPT } from "./prompt.ts";
import { version } from "./version.ts";

const MODEL_HELP =
  "folder with config.json, the weights and tokenizer.json (default: the small storyteller that comes along)";

/** A program that throws where commander would exit, and says nothing about errors: `errors.ts` does. */
export function createProgram(io: Io, library: Library): Command {
  const program = new Command("blackmamba")
    .description("Text from a BlackMamba model (Mamba + mixture of experts), on WebGPU or the CPU.")
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
    })
    .addHelpText(
      "after",
      `
Examples:
  $ blackmamba generate "The dog was"
  $ blackmamba info
  $ blackmamba devices

Exit codes: 0 done, 1 failure, 2 wrong use, 130 interrupted.
BLACKMAMBA_DEBUG=1 adds where an error arose.`,
    );

  program
    .command("generate")
    .description("continue a prompt; text goes to stdout as it comes, everything else to stderr")
    .argument("[prompt]", `text to continue, "-" to read it from standard input (default: "${DEFAULT_PROMPT}")`)
    .option("--model <folder>", MODEL_HELP, parseModelFolder)
    .option(
      "--device <device>",
      "auto, webgpu or cpu; auto takes a hardware GPU if there is one, else the CPU",
      parseDevice,
      "auto",
    )
    .option("--max-tokens <count>", "most tokens to write", parseMaxTokens, 200)
    .option("--temperature <number>", "0 always takes the likeliest token; higher is more varied", parseTemperature)
    .option("--top-k <count>", "choose among the so many likeliest tokens only", parseTopK)
    .option("--top-p <number>", "choose among the likeliest tokens that together have this probability", parseTopP)
    .option("--seed <number>", "the same seed gives the same text on the same device", parseSeed)
    .option("--json", "print one JSON object at the end instead of text")
    .addHelpText(
      "after",
      `
Without --temperature the likeliest token is always taken, unless --top-k, --top-p
or --seed is given: then the temperature is 1. A prompt that begins with "-" goes
after "--"; from one that is read from standard input, the last line end is left out.

Examples:
  $ blackmamba generate "The dog was"
  $ blackmamba generate --temperature 0.8 --top-p 0.95 --seed 7 "One day, a little girl"
  $ echo "Once upon a time" | blackmamba generate - --max-tokens 50
  $ blackmamba generate --model ./my-model --device webgpu --json > story.json`,
    )
    .action((prompt: string | undefined, options: GenerateOptions) => generate(prompt, options, io, library));

  program
    .command("info")
    .description("show a model's configuration, parameters, bytes and layers, without loading it")
    .option("--model <folder>", MODEL_HELP, parseModelFolder)
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ blackmamba info
  $ blackmamba info --model ./my-model --json`,
    )
    .action((options: InfoOptions) => info(options, io, library));

  program
    .command("devices")
    .description("list what this machine offers, and why something is not usable")
    .option("--json", "print one JSON array")
    .addHelpText(
      "after",
      `
Examples:
  $ blackmamba devices
  $ blackmamba devices --json`,
    )
    .action((options: DevicesOptions) => devices(options, io, library));

  return program;
}
