import type { Command } from "commander";
import { type SynthOptions, synth } from "../commands/synth.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { parseDType, parsePreset, parseSeed, parseSynthFormat, parseTarget } from "../options.ts";

/** `blackmamba synth`. */
export function addSynth(program: Command, io: Io, library: Library): void {
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
}
