import type { Command } from "commander";
import { type ConvertOptions, convert } from "../commands/convert.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { parseDType, parseFormat, parseQuantize, parseShardSize, parseSource, parseTarget } from "../options.ts";

/** `blackmamba convert`. */
export function addConvert(program: Command, io: Io, library: Library): void {
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
}
