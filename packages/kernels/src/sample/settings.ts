/**
 * How a row of logits is sampled, as the sampler's kernels read it: one row of words per sequence, so that recorded programs
 * serve any options, and sequences with options of their own may be sampled together.
 */

/** Options of one sequence. */
export interface SampleSettings {
  /** 0 to 2^32 − 1. */
  readonly seed: number;
  /** Above 0; ignored by programs that take the likeliest id. */
  readonly temperature: number;
  /** At least 1; `Infinity` for all. */
  readonly topK: number;
  /** Above 0; 1 for all. */
  readonly topP: number;
  /** From 0, which is for all, to 1. */
  readonly minP: number;
  /** Above 0; 1 for none. */
  readonly repetitionPenalty: number;
}

/** Words of a row of settings. */
export const SETTINGS_WIDTH = 7;

/** Where each word is. Floats are stored as their bits. */
export const SETTING = {
  seed: 0,
  /** f32: what logits are multiplied with; a reciprocal, as WGSL rounds products exactly but quotients not. */
  inverseTemperature: 1,
  /** u32; 0xffffffff for all */
  topK: 2,
  /** u32: parts of 2^32; 0xffffffff for all */
  topP: 3,
  /** f32: log(minP); -1e30 for all, as shaders may take it that there are no infinities */
  logMinP: 4,
  /** f32: for logits up to 0 */
  penalty: 5,
  /** f32: for logits above 0 */
  inversePenalty: 6,
} as const;

/** Above this a temperature's reciprocal would make infinities of logits; what it cools that far is frozen anyway. */
const MAX_INVERSE_TEMPERATURE = 1e20;

const LEAST_LOG = -1e30;

const MAX_WORD = 0xffffffff;

/** The row of words of some settings. */
export function encodeSettings(settings: SampleSettings): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(SETTINGS_WIDTH);
  const floats = new Float32Array(words.buffer);
  words[SETTING.seed] = settings.seed;
  floats[SETTING.inverseTemperature] = Math.min(1 / settings.temperature, MAX_INVERSE_TEMPERATURE);
  words[SETTING.topK] = Math.min(settings.topK, MAX_WORD);
  words[SETTING.topP] = settings.topP >= 1 ? MAX_WORD : Math.min(Math.round(settings.topP * 2 ** 32), MAX_WORD - 1);
  floats[SETTING.logMinP] = Math.max(Math.log(settings.minP), LEAST_LOG);
  floats[SETTING.penalty] = settings.repetitionPenalty;
  floats[SETTING.inversePenalty] = 1 / settings.repetitionPenalty;
  return words;
}

/** What the kernels' references read of a row of settings. */
export function decodeSettings(words: Uint32Array, row: number) {
  const own = words.slice(row * SETTINGS_WIDTH, (row + 1) * SETTINGS_WIDTH);
  const floats = new Float32Array(own.buffer);
  return {
    seed: own[SETTING.seed],
    inverseTemperature: floats[SETTING.inverseTemperature],
    topK: own[SETTING.topK],
    topP: own[SETTING.topP],
    logMinP: floats[SETTING.logMinP],
    penalty: floats[SETTING.penalty],
    inversePenalty: floats[SETTING.inversePenalty],
  };
}
