/**
 * The controls of sampling: what each may be, and the options that they make. What they do is said by `SamplingOptions`.
 */
import type { WorkerGenerateOptions } from "@blackmamba/model/worker";

/** What the controls are set to. */
export interface SamplingSettings {
  maxTokens: number;
  temperature: number;
  /** 0: all. */
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  /** Empty: another one each time. */
  seed: number | "";
  /** One to a line. */
  stop: string;
}

/** A control that is a number in a range. */
export interface NumberControl {
  readonly key: "maxTokens" | "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty";
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly help: string;
}

/** Of stories that make sense and still differ from each other. */
export const DEFAULT_SETTINGS: Readonly<SamplingSettings> = {
  maxTokens: 200,
  temperature: 0.8,
  topK: 0,
  topP: 0.95,
  minP: 0,
  repetitionPenalty: 1,
  seed: "",
  stop: "",
};

export const NUMBER_CONTROLS: readonly NumberControl[] = [
  { key: "maxTokens", label: "Most tokens", min: 1, max: 2000, step: 1, help: "Where the text ends at the latest." },
  {
    key: "temperature",
    label: "Temperature",
    min: 0,
    max: 2,
    step: 0.05,
    help: "0 always takes the likeliest token; above 1 the text becomes wild.",
  },
  { key: "topK", label: "Top k", min: 0, max: 200, step: 1, help: "Choose among so many likeliest tokens; 0 is all." },
  {
    key: "topP",
    label: "Top p",
    min: 0.05,
    max: 1,
    step: 0.01,
    help: "Choose among the likeliest tokens that are so probable together; 1 is all.",
  },
  {
    key: "minP",
    label: "Min p",
    min: 0,
    max: 0.5,
    step: 0.01,
    help: "Leave out what is less than so many times as likely as the likeliest; 0 leaves out none.",
  },
  {
    key: "repetitionPenalty",
    label: "Repetition penalty",
    min: 1,
    max: 2,
    step: 0.05,
    help: "Above 1, tokens that were there before become less likely.",
  },
];

/** Greatest seed. */
export const MAX_SEED = 2 ** 32 - 1;

/** The options of `generate` that the controls ask for; `seed` is the one of this run. */
export function optionsOf(settings: SamplingSettings, seed: number): WorkerGenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, stop } = settings;
  const stops = stop.split("\n").filter((line) => line !== "");
  return {
    maxTokens,
    temperature,
    topK: topK > 0 ? topK : undefined,
    topP,
    minP,
    repetitionPenalty,
    seed,
    stop: stops.length > 0 ? stops : undefined,
  };
}

/** The seed that is set, or one of chance. */
export function seedOf({ seed }: SamplingSettings): number {
  return seed === "" ? (crypto.getRandomValues(new Uint32Array(1))[0] as number) : seed;
}
