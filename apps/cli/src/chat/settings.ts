/** `/set`: how answers are made, by the names and with the rules of the command's options. */
import { ChatError, UsageError } from "../errors.ts";
import {
  parseMaxTokens,
  parseMinP,
  parseMinTokens,
  parsePenalty,
  parseRepetitionPenalty,
  parseSeed,
  parseStop,
  parseTemperature,
  parseTopK,
  parseTopP,
  parseTypicalP,
} from "../options.ts";
import type { TextSampling } from "../text-sampling.ts";
import { orNearest } from "./nearest.ts";

/** Of each setting: what a text says that was given for it. */
const SETTINGS: Readonly<Record<string, (text: string) => Partial<TextSampling>>> = {
  temperature: (text) => ({ temperature: parseTemperature(text) }),
  "top-k": (text) => ({ topK: parseTopK(text) }),
  "top-p": (text) => ({ topP: parseTopP(text) }),
  "min-p": (text) => ({ minP: parseMinP(text) }),
  "typical-p": (text) => ({ typicalP: parseTypicalP(text) }),
  "repetition-penalty": (text) => ({ repetitionPenalty: parseRepetitionPenalty(text) }),
  "frequency-penalty": (text) => ({ frequencyPenalty: parsePenalty("--frequency-penalty")(text) }),
  "presence-penalty": (text) => ({ presencePenalty: parsePenalty("--presence-penalty")(text) }),
  seed: (text) => ({ seed: parseSeed(text) }),
  "max-tokens": (text) => ({ maxTokens: parseMaxTokens(text) }),
  "min-tokens": (text) => ({ minTokens: parseMinTokens(text) }),
  stop: (text) => ({ stop: parseStop(unquoted(text)) }),
};

export const SETTING_NAMES = Object.keys(SETTINGS);

/** Those that always have a value. */
const NEVER_OFF = new Set(["max-tokens"]);

/**
 * The settings with one of them changed.
 *
 * @param text - its new value, or `off` for none
 * @throws ChatError for a setting that there is not, or a value that it cannot have
 */
export function changeSetting(sampling: TextSampling, name: string, text: string): TextSampling {
  const parse = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
  if (!parse) {
    throw new ChatError(`set ${name}: expected one of ${SETTING_NAMES.join(", ")}${orNearest(name, SETTING_NAMES)}`);
  }
  if (text === "off" && !NEVER_OFF.has(name)) return { ...sampling, [keyOf(name)]: undefined };
  try {
    return { ...sampling, ...parse(text) };
  } catch (error) {
    // It names the command line's option, and its help.
    if (error instanceof UsageError) throw new ChatError(`set ${error.message.replace(/^--/, "")}`, { cause: error });
    throw error;
  }
}

/** Names and values, as `/set` takes them. */
export function listSettings(sampling: TextSampling): [name: string, value: string][] {
  return SETTING_NAMES.map((name) => {
    const value: unknown = sampling[keyOf(name)];
    const isText = Array.isArray(value);
    return [
      name,
      value === undefined ? "off" : isText ? value.map((each) => JSON.stringify(each)).join(" ") : String(value),
    ];
  });
}

/** `top-k` → `topK`. */
function keyOf(name: string): keyof TextSampling {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof TextSampling;
}

/** A text in double quotes is read as JSON has it: `"\n"` is a line end. */
function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
  } catch {}
  throw new UsageError("--stop", 'some text, or text in quotes such as "\\n"', text);
}
