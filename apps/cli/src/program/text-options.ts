/** Options of the commands that load a model and have it write text. */
import type { Command } from "commander";
import {
  parseDevice,
  parseLogitBias,
  parseMaxTokens,
  parseMinP,
  parseMinTokens,
  parseModelFolder,
  parsePenalty,
  parseQuantize,
  parseRepetitionPenalty,
  parseSeed,
  parseStop,
  parseStopId,
  parseTemperature,
  parseTopK,
  parseTopP,
  parseTypicalP,
} from "../options.ts";
import { DEVICE_HELP, MODEL_HELP } from "./help.ts";

/** Which model, and where it runs. */
export function addModelOptions(command: Command): Command {
  return command
    .option("--model <model>", MODEL_HELP, parseModelFolder)
    .option("--device <device>", DEVICE_HELP, parseDevice, "auto")
    .option("--quantize <type>", "make the large matrices q8_0 or q4_0 while loading, or none", parseQuantize, "none");
}

/** How tokens are chosen, and where the text ends. Without defaults the likeliest token is always taken. */
export function addSamplingOptions(
  command: Command,
  defaults: { readonly temperature?: number; readonly topP?: number } = {},
): Command {
  const { temperature, topP } = defaults;
  return command
    .option("--max-tokens <count>", "most tokens to write", parseMaxTokens, 200)
    .option("--min-tokens <count>", "the text does not end by a token before so many (default: 0)", parseMinTokens)
    .option(
      "--temperature <number>",
      "0 always takes the likeliest token; higher is more varied",
      parseTemperature,
      temperature,
    )
    .option("--top-k <count>", "choose among the so many likeliest tokens only", parseTopK)
    .option(
      "--top-p <number>",
      "choose among the likeliest tokens that together have this probability",
      parseTopP,
      topP,
    )
    .option("--min-p <number>", "choose among tokens at least so many times as likely as the likeliest", parseMinP)
    .option("--typical-p <number>", "choose among the most typical that together have this probability", parseTypicalP)
    .option("--repetition-penalty <number>", "above 1 the text repeats itself less", parseRepetitionPenalty)
    .option(
      "--frequency-penalty <number>",
      "take so much off a token's logit for each time that the text has it, -2 to 2",
      parsePenalty("--frequency-penalty"),
    )
    .option(
      "--presence-penalty <number>",
      "take so much off the logit of each token that the text has, -2 to 2",
      parsePenalty("--presence-penalty"),
    )
    .option(
      "--logit-bias <id:bias>",
      "add to a token's logit; -Infinity rules it out; may be given several times",
      parseLogitBias,
    )
    .option("--stop <text>", "end the text before this comes; may be given several times", parseStop)
    .option("--stop-id <id>", "end the text before this token; may be given several times", parseStopId)
    .option("--seed <number>", "the same seed gives the same text on the same device", parseSeed);
}
