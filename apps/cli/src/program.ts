/** The command line: commands, their options and their help. Each command is in `program/`; what it does, in `commands/`. */
import { Command } from "commander";
import type { Io } from "./io.ts";
import type { Library } from "./library.ts";
import { addBench } from "./program/bench.ts";
import { addCache } from "./program/cache.ts";
import { addChat } from "./program/chat.ts";
import { addConvert } from "./program/convert.ts";
import { addDevices } from "./program/devices.ts";
import { addEval } from "./program/eval.ts";
import { addGenerate } from "./program/generate.ts";
import { addInfo } from "./program/info.ts";
import { addServe } from "./program/serve.ts";
import { addSynth } from "./program/synth.ts";
import { version } from "./version.ts";

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
  $ blackmamba chat
  $ blackmamba serve --port 8080
  $ blackmamba info
  $ blackmamba convert ./my-model ./my-model-q8 --quantize q8_0
  $ blackmamba devices

Exit codes: 0 done, 1 failure, 2 wrong use, 130 interrupted, 143 terminated.
BLACKMAMBA_DEBUG=1 adds where an error arose.`,
    );

  addGenerate(program, io, library);
  addChat(program, io, library);
  addServe(program, io, library);
  addInfo(program, io, library);
  addConvert(program, io, library);
  addSynth(program, io, library);
  addBench(program, io, library);
  addEval(program, io, library);
  addCache(program, io, library);
  addDevices(program, io, library);
  return program;
}
