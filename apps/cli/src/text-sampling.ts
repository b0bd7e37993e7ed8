/** How tokens are chosen and where a text ends, as the options of several commands say it (`program/text-options.ts`). */
import type { GenerateOptions } from "@blackmamba/model";

const KEYS = [
  "maxTokens",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "seed",
  "stop",
] as const satisfies readonly (keyof GenerateOptions)[];

export interface TextSampling extends Pick<GenerateOptions, Exclude<(typeof KEYS)[number], "maxTokens" | "stop">> {
  readonly maxTokens: number;
  readonly stop?: readonly string[] | undefined;
}

/** These of a command's options. */
export function textSampling(options: TextSampling): TextSampling {
  return Object.fromEntries(KEYS.map((key) => [key, options[key]])) as unknown as TextSampling;
}
