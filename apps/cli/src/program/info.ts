import type { Command } from "commander";
import { type InfoOptions, info } from "../commands/info.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { parseModelFolder } from "../options.ts";
import { MODEL_HELP } from "./help.ts";

/** `blackmamba info`. */
export function addInfo(program: Command, io: Io, library: Library): void {
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
}
