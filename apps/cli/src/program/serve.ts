import { type Command, Option } from "commander";
import { type ServeCommandOptions, serve } from "../commands/serve.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import {
  parseBodyLimit,
  parseCount,
  parseDevice,
  parseFile,
  parseModelFolder,
  parseOrigin,
  parsePort,
  parsePrefixCache,
  parseQuantize,
  parseSeconds,
  parseWord,
} from "../options.ts";
import { DEVICE_HELP, MODEL_HELP } from "./help.ts";

/** `blackmamba serve`. */
export function addServe(program: Command, io: Io, library: Library): void {
  program
    .command("serve")
    .description(
      "answer requests over HTTP, in the form of OpenAI's interface; its address goes to stdout, a log to stderr",
    )
    .option("--model <model>", MODEL_HELP, parseModelFolder)
    .option(
      "--name <name>",
      "what clients call the model (default: as --model calls it)",
      parseWord("--name", "a name"),
    )
    .option("--device <device>", DEVICE_HELP, parseDevice, "auto")
    .option("--quantize <type>", "make the large matrices q8_0 or q4_0 while loading, or none", parseQuantize, "none")
    .option("--host <host>", "address to listen at; 0.0.0.0 is all", parseWord("--host", "an address"), "127.0.0.1")
    .option("--port <port>", "port to listen at, 0 for any that is free", parsePort, 8080)
    .option(
      "--api-key-file <file>",
      "keys, one a line, one of which requests have to bring",
      parseFile("--api-key-file"),
    )
    .option("--batch-size <count>", "texts that are decoded together", parseCount("--batch-size"), 32)
    .option(
      "--queue <count>",
      "texts that may wait beside those; more are refused with 429",
      parseCount("--queue", 0),
      128,
    )
    .addOption(seconds("--timeout", "longest that a request may take, waiting included", 600))
    .option("--max-tokens <count>", "most tokens that a request may ask for", parseCount("--max-tokens"), 4096)
    .option("--max-prompt-tokens <count>", "most tokens of a prompt", parseCount("--max-prompt-tokens"), 16_384)
    .addOption(
      new Option("--body-limit <size>", "most bytes of a request").argParser(parseBodyLimit).default(2 ** 20, "1MiB"),
    )
    .option("--prefix-cache <size>", "keep prompts for others that begin alike: 256MiB …, or 0", parsePrefixCache, 0)
    .option("--chat-template <file>", "Jinja, instead of what the model brings", parseFile("--chat-template"))
    .option("--cors <origin>", "let this origin's pages ask, * for all; may be given several times", parseOrigin)
    .addOption(seconds("--shutdown-timeout", "longest to finish requests at the end", 30))
    .option("--quiet", "no line for each request")
    .addHelpText(
      "after",
      `
Keys are also taken from BLACKMAMBA_API_KEYS, separated by commas. Without any, everyone
who reaches the port may ask. SIGTERM or Ctrl-C: nothing more is taken, and what is under
way is finished; a second one ends at once.

Examples:
  $ blackmamba serve
  $ blackmamba serve --model Zyphra/BlackMamba-1.5B --quantize q8_0 --port 9000
  $ BLACKMAMBA_API_KEYS=my-key blackmamba serve --host 0.0.0.0 --queue 256

With curl:
  $ curl http://127.0.0.1:8080/v1/completions -H "Content-Type: application/json" \\
      -d '{"prompt": "The dog was", "max_tokens": 20, "stream": true}'

With OpenAI's client, in JavaScript:
  const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: "my-key" });
  await client.completions.create({ model: "storyteller", prompt: "The dog was" });`,
    )
    .action((options: ServeCommandOptions) => serve(options, io, library));
}

/** An option that is given in seconds, and read as milliseconds. */
function seconds(name: string, description: string, preset: number): Option {
  return new Option(`${name} <seconds>`, description).argParser(parseSeconds(name)).default(preset * 1000, `${preset}`);
}
