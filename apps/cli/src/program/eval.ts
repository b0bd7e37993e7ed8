import type { Command } from "commander";
import { type EvalOptions, evaluate } from "../commands/eval.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { parseCount, parseFile, parseStartId, parseTask } from "../options.ts";
import { addModelOptions } from "./text-options.ts";

/** `blackmamba eval`. */
export function addEval(program: Command, io: Io, library: Library): void {
  const command = program
    .command("eval")
    .description("measure how well a model predicts a text: its perplexity, or LAMBADA's last words")
    .argument("<file>", 'text in UTF-8; for the task lambada JSON lines with a "text" each')
    .option("--task <task>", "perplexity or lambada", parseTask, "perplexity");
  addModelOptions(command)
    .option("--limit <count>", "only the first so many documents or passages", parseCount("--limit"))
    .option("--separator <text>", 'what stands between documents; "" takes the file as one (default: "<|endoftext|>")')
    .option("--context <count>", "read in windows of so many tokens (default: all at once)", parseCount("--context"))
    .option("--stride <count>", "tokens that each window adds (default: --context)", parseCount("--stride"))
    .option("--start-id <id>", "what stands before a text (default: the tokenizer's start or end token)", parseStartId)
    .option("--resume <file>", "keep each result in this file, and go on from what is there", parseFile("--resume"))
    .option("--output <file>", "write all results to this file, as JSON", parseFile("--output"))
    .option("--json", "print one JSON object instead of a table")
    .addHelpText(
      "after",
      `
Each document is scored as a whole, from a start token on: a Mamba reads texts of any
length. --context and --stride read them as models with a limited view have to, in
lm-evaluation-harness's windows. Word and byte figures do not depend on the tokenizer.

The task lambada asks for the last word of each passage, as lambada_openai of
lm-evaluation-harness does.

With --resume a run that was interrupted, or killed, goes on where it was. A file of
another model, text or other options is refused; --limit and --device may differ.

Examples:
  $ blackmamba eval valid.txt
  $ blackmamba eval wiki.test.txt --separator "" --context 2048 --stride 512
  $ blackmamba eval --task lambada lambada_test.jsonl --limit 500
  $ blackmamba eval --model ./my-model --resume results.jsonl --json valid.txt > valid.json`,
    )
    .action((file: string, options: EvalOptions) => evaluate(file, options, io, library));
}
