/**
 * How a row of logits is sampled, as the sampler's kernels read it: one row of words per sequence, so that recorded programs
 * serve any options, and sequences with options of their own may be sampled together.
 */

/** Options of one sequence. */
export interface SampleSettings {
  /** 0 to 2^32 − 1. */
  readonly seed: number;
  /** Take the likeliest, rather than draw: `temperature` to `typicalP` are then of no account. */
  readonly greedy: boolean;
  /** Above 0. */
  readonly temperature: number;
  /** At least 1; `Infinity` for all. */
  readonly topK: number;
  /** Above 0; 1 for all. */
  readonly topP: number;
  /** From 0, which is for all, to 1. */
  readonly minP: number;
  /** Above 0; 1 for all. */
  readonly typicalP: number;
  /** Above 0; 1 for none. */
  readonly repetitionPenalty: number;
  /** 0 for none. */
  readonly frequencyPenalty: number;
  /** 0 for none. */
  readonly presencePenalty: number;
  /** Ids before which a text cannot end; 0 for none. */
  readonly minTokens: number;
  /** Whether there is a bias: of a sequence without, what the tensor for it holds is of no account. */
  readonly hasBias: boolean;
}

/** Draws from all ids, as likely as they are. */
export const PLAIN_SETTINGS: SampleSettings = {
  seed: 0,
  greedy: false,
  temperature: 1,
  topK: Number.POSITIVE_INFINITY,
  topP: 1,
  minP: 0,
  typicalP: 1,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  minTokens: 0,
  hasBias: false,
};

/** Words of a row of settings. */
export const SETTINGS_WIDTH = 13;

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
  /** f32: 1 for noise, 0 for none, so that those who draw and those who do not may be sampled together */
  noiseScale: 7,
  /** u32: parts of 2^32; 0xffffffff for all */
  typicalP: 8,
  /** f32 */
  frequencyPenalty: 9,
  /** f32 */
  presencePenalty: 10,
  /** u32 */
  minTokens: 11,
  /** u32: 1 where there is a bias */
  hasBias: 12,
} as const;

/**
 * Beyond these a temperature's reciprocal would make infinities of logits, or would make what is impossible possible. What is cooled that
 * far is frozen, and what is heated that far is all alike.
 */
const [MIN_INVERSE_TEMPERATURE, MAX_INVERSE_TEMPERATURE] = [1e-12, 1e20];

const LEAST_LOG = -1e30;

const MAX_WORD = 0xffffffff;

/** The row of words of some settings. */
export function encodeSettings(settings: SampleSettings): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(SETTINGS_WIDTH);
  const floats = new Float32Array(words.buffer);
  // Where some draw and some take the likeliest, the latter's ids are all left.
  const { greedy, temperature, topK, topP, minP, typicalP } = settings.greedy
    ? { ...PLAIN_SETTINGS, greedy: true }
    : settings;
  words[SETTING.seed] = settings.seed;
  floats[SETTING.inverseTemperature] = Math.min(
    Math.max(1 / temperature, MIN_INVERSE_TEMPERATURE),
    MAX_INVERSE_TEMPERATURE,
  );
  floats[SETTING.noiseScale] = greedy ? 0 : 1;
  words[SETTING.topK] = Math.min(topK, MAX_WORD);
  words[SETTING.topP] = shareOf(topP);
  words[SETTING.typicalP] = shareOf(typicalP);
  floats[SETTING.logMinP] = Math.max(Math.log(minP), LEAST_LOG);
  floats[SETTING.penalty] = settings.repetitionPenalty;
  floats[SETTING.inversePenalty] = 1 / settings.repetitionPenalty;
  floats[SETTING.frequencyPenalty] = settings.frequencyPenalty;
  floats[SETTING.presencePenalty] = settings.presencePenalty;
  words[SETTING.minTokens] = Math.min(settings.minTokens, MAX_WORD);
  words[SETTING.hasBias] = settings.hasBias ? 1 : 0;
  return words;
}

/** A share in parts of 2^32. */
function shareOf(share: number): number {
  return share >= 1 ? MAX_WORD : Math.min(Math.round(share * 2 ** 32), MAX_WORD - 1);
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
    noiseScale: floats[SETTING.noiseScale],
    typicalP: own[SETTING.typicalP],
    frequencyPenalty: floats[SETTING.frequencyPenalty],
    presencePenalty: floats[SETTING.presencePenalty],
    minTokens: own[SETTING.minTokens],
    hasBias: own[SETTING.hasBias] === 1,
  };
}
