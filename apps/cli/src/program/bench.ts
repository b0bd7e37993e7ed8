import type { Command } from "commander";
import { type BenchOptions, bench } from "../commands/bench.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import {
  parseCount,
  parseDevice,
  parseDType,
  parseModelFolder,
  parsePreset,
  parseQuantize,
  parseReportFile,
  parseSeed,
} from "../options.ts";
import { DEVICE_HELP, MODEL_HELP } from "./help.ts";

/** `blackmamba bench`. */
export function addBench(program: Command, io: Io, library: Library): void {
  program
    .command("bench")
    .description("measure how fast this machine runs a model, beside what it could do at best")
    .option(
      "--preset <name>",
      "random weights of a published shape, no file needed: 1.5b, 2.8b or storyteller",
      parsePreset,
    )
    .option("--model <model>", MODEL_HELP, parseModelFolder)
    .option("--device <device>", DEVICE_HELP, parseDevice, "auto")
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
}
