/** The command line: commands, their options and their help. What a command does is in `commands/`. */
import { Command } from "commander";
import { type BenchOptions, bench } from "./commands/bench.ts";
import { type CacheListOptions, listCache, removeFromCache, verifyCache } from "./commands/cache.ts";
import { type ConvertOptions, convert } from "./commands/convert.ts";
import { type DevicesOptions, devices } from "./commands/devices.ts";
import { type GenerateOptions, generate } from "./commands/generate.ts";
import { type InfoOptions, info } from "./commands/info.ts";
import { type SynthOptions, synth } from "./commands/synth.ts";
import type { Io } from "./io.ts";
import type { Library } from "./library.ts";
import {
  parseCount,
  parseDevice,
  parseDType,
  parseFormat,
  parseMaxTokens,
  parseMinP,
  parseModelFolder,
  parsePreset,
  parseQuantize,
  parseRepetitionPenalty,
  parseReportFile,
  parseSeed,
  parseShardSize,
  parseSource,
  parseStop,
  parseSynthFormat,
  parseTarget,
  parseTemperature,
  parseTopK,
  parseTopP,
} from "./options.ts";
import { DEFAULT_PROMPT } from "./prompt.ts";
import { version } from "./version.ts";

const MODEL_HELP =
  "folder with config.json, the weights and tokenizer.json; or a file of weights in one, an address, or a name on a hub, " +
  "as owner/name or owner/name@revision (default: the small storyteller that comes along)";

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
  $ blackmamba convert ./my-model ./my-model-q8 --quantize q8_0
  $ blackmamba devices

Exit codes: 0 done, 1 failure, 2 wrong use, 130 interrupted.
BLACKMAMBA_DEBUG=1 adds where an error arose.`,
    );

  program
    .command("generate")
    .description("continue a prompt; text goes to stdout as it comes, everything else to stderr")
    .argument("[prompt]", `text to continue, "-" to read it from standard input (default: "${DEFAULT_PROMPT}")`)
    .option("--model <model>", MODEL_HELP, parseModelFolder)
    .option(
      "--device <device>",
      "auto, webgpu or cpu; auto takes a hardware GPU if there is one, else the CPU",
      parseDevice,
      "auto",
    )
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

  program
    .command("info")
    .description("show a model's configuration, parameters, bytes and layers, without loading it")
    .option("--model <model>", MODEL_HELP, parseModelFolder)
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
    .command("convert")
    .description("write a model's weights as safetensors or GGUF, smaller if asked for, into a folder of its own")
    .argument(
      "<source>",
      "folder with config.json and the weights, the weights' file beside config.json, an address, or a name on a hub",
      parseSource,
    )
    .argument(
      "<folder>",
      "where model.safetensors or model.gguf goes, and copies of config.json and the tokenizer's files",
      parseTarget,
    )
    .option("--format <format>", "safetensors, or gguf with llama.cpp's names", parseFormat, "safetensors")
    .option("--quantize <type>", "make the large matrices q8_0 or q4_0, or none", parseQuantize, "none")
    .option("--dtype <type>", "make what is not quantised bf16, f16 or f32 (default: as it is)", parseDType)
    .option("--shard-size <size>", "several safetensors files of at most 2GB, 500MiB …, with an index", parseShardSize)
    .option("--force", "overwrite a model that is in the folder already")
    .addHelpText(
      "after",
      `
Of bf16's bytes about a half remain with q8_0 and somewhat more than a quarter
with q4_0. Routers, dt_proj, convolutions, A, D, norms and biases stay as they are,
or become what --dtype says: rounded to the nearest, and refused where f16 cannot hold
a number. (In GGUF only matrices do: vectors, convolutions, A and D are f32 there.)
A GGUF file can become another one. Memory does not grow with the model; nothing
half-written is left behind.

Examples:
  $ blackmamba convert ./my-model ./my-model-q8 --quantize q8_0
  $ blackmamba convert ./my-model/pytorch_model.bin ./my-model-q4 --quantize q4_0
  $ blackmamba convert ./my-model ./my-model-safetensors
  $ blackmamba convert ./my-model ./my-model-f16 --dtype f16 --shard-size 2GB
  $ blackmamba convert ./my-model ./my-model-gguf --format gguf --quantize q8_0`,
    )
    .action((source: string, folder: string, options: ConvertOptions) => convert(source, folder, options, io, library));

  program
    .command("synth")
    .description("write a model of random weights and of a published shape, to measure with: it says nothing sensible")
    .argument("<folder>", "where config.json and the weights go", parseTarget)
    .option("--preset <name>", "the shape: 1.5b, 2.8b or storyteller", parsePreset, "1.5b")
    .option("--dtype <type>", "of the weights: bf16, f16 or f32", parseDType, "bf16")
    .option("--format <format>", "bin, as the published models, or safetensors", parseSynthFormat, "bin")
    .option("--seed <number>", "the same seed gives the same files", parseSeed, 0)
    .option("--force", "overwrite a model that is in the folder already")
    .addHelpText(
      "after",
      `
With bf16 1.5b takes 2.9 GB, 2.8b 5.6 GB and storyteller 52 MB on the disk, and as
much again where a model of that size is overwritten. There is no tokenizer.

Examples:
  $ blackmamba synth ./random
  $ blackmamba synth ./random --preset storyteller --format safetensors --seed 7
  $ blackmamba synth ./random --preset 2.8b && blackmamba convert ./random ./random-q8 --quantize q8_0`,
    )
    .action((folder: string, options: SynthOptions) => synth(folder, options, io, library));

  program
    .command("bench")
    .description("measure how fast this machine runs a model, beside what it could do at best")
    .option(
      "--preset <name>",
      "random weights of a published shape, no file needed: 1.5b, 2.8b or storyteller",
      parsePreset,
    )
    .option("--model <model>", MODEL_HELP, parseModelFolder)
    .option(
      "--device <device>",
      "auto, webgpu or cpu; auto takes a hardware GPU if there is one, else the CPU",
      parseDevice,
      "auto",
    )
    .option("--dtype <type>", "of a preset's weights: bf16, f16 or f32 (default: bf16)", parseDType)
    .option("--quantize <type>", "make the large matrices q8_0 or q4_0, or none", parseQuantize, "none")
    .option("--tokens <count>", "tokens of a decode run (default: about a second's)", parseCount("--tokens"))
    .option(
      "--prompt-tokens <count>",
      "tokens of a prompt (default: 2048, on a processor about a second's)",
      parseCount("--prompt-tokens"),
    )
    .option("--runs <count>", "measurements of each thing", parseCount("--runs"), 5)
    .option("--batch <count>", "also decode so many sequences together", parseCount("--batch"))
    .option("--context <count>", "also compare decoding after so many tokens with after 10", parseCount("--context"))
    .option("--compare-plain", "on the device cpu: also in plain TypeScript, and on one thread")
    .option("--seed <number>", "of a preset's weights (default: 0)", parseSeed)
    .option("--compare <file>", "show the change against an earlier run's --json", parseReportFile)
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
First the ceiling is measured: a copy that no cache holds, and float32 arithmetic
in registers. Then decoding and prompts, as users run them, and each kernel by the
device's own clock. Figures are medians after warming up, with the least and most.

Examples:
  $ blackmamba bench
  $ blackmamba bench --preset 1.5b --quantize q8_0 --batch 32
  $ blackmamba bench --preset 2.8b --context 100000
  $ blackmamba bench --device cpu --compare-plain
  $ blackmamba bench --json > before.json
  $ blackmamba bench --compare before.json`,
    )
    .action((options: BenchOptions) => bench(options, io, library));

  const cache = program
    .command("cache")
    .description("the models from a hub that are kept on this machine")
    .addHelpText(
      "after",
      `
They lie where other tools keep theirs: in HF_HUB_CACHE, else ~/.cache/huggingface/hub.

Examples:
  $ blackmamba cache list
  $ blackmamba cache verify
  $ blackmamba cache remove Zyphra/BlackMamba-2.8B`,
    );
  cache
    .command("list")
    .description("show which models there are, and how large they are")
    .option("--json", "print one JSON array")
    .addHelpText("after", "\nExample:\n  $ blackmamba cache list --json")
    .action((options: CacheListOptions) => listCache(options, io, library));
  cache
    .command("verify")
    .description("hold every file against the hash it was published with")
    .argument("[names...]", "models, as owner/name (default: all)")
    .addHelpText("after", "\nExample:\n  $ blackmamba cache verify Zyphra/BlackMamba-1.5B")
    .action((names: string[]) => verifyCache(names, io, library));
  cache
    .command("remove")
    .description("delete models, with what was begun of them")
    .argument("<names...>", "models, as owner/name")
    .addHelpText("after", "\nExample:\n  $ blackmamba cache remove Zyphra/BlackMamba-2.8B")
    .action((names: string[]) => removeFromCache(names, io, library));

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
