/** How tokens are chosen and where a text ends, as the options of several commands say it (`program/text-options.ts`). */
import type { GenerateOptions } from "@blackmamba/model";

const KEYS = [
  "maxTokens",
  "minTokens",
  "temperature",
  "topK",
  "topP",
  "minP",
  "typicalP",
  "repetitionPenalty",
  "frequencyPenalty",
  "presencePenalty",
  "logitBias",
  "seed",
  "stop",
] as const satisfies readonly (keyof GenerateOptions)[];

/** As the library has it. */
export interface TextSampling
  extends Pick<GenerateOptions, Exclude<(typeof KEYS)[number], "maxTokens" | "stop"> | "stopIds"> {
  readonly maxTokens: number;
  readonly stop?: readonly string[] | undefined;
}

/** As a command's options have it: one that may be given several times is named for one. */
export interface TextSamplingOptions extends Omit<TextSampling, "stopIds"> {
  readonly stopId?: readonly number[] | undefined;
}

/** These of a command's options. */
export function textSampling(options: TextSamplingOptions): TextSampling {
  const same = Object.fromEntries(KEYS.map((key) => [key, options[key]])) as unknown as TextSampling;
  return { ...same, stopIds: options.stopId };
}
