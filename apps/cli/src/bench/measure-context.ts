/**
 * Whether a token takes longer after a long context than after a short one. Two states of one model really consume so many
 * tokens, once; then they go on in turn, so that a machine that becomes slower does so for both.
 */
import { median, summarise } from "@blackmamba/bench";
import type { ModelState } from "@blackmamba/model";
import { formatCount } from "../output/units.ts";
import { TIMED_STEPS } from "./measure-model.ts";
import { type MeasureOptions, repeat } from "./measure-options.ts";
import { spreadIds } from "./model-runs.ts";
import type { ContextReport, ContextTimes } from "./report.ts";

/** The context that a long one is compared with. */
const SHORT_CONTEXT = 10;

/** Tokens that one state takes before it is the other's turn: few, so that whatever else the machine does meets both. */
const TURN_TOKENS = 8;

/** After the short context, and after the long one. */
type States = readonly [short: ModelState, long: ModelState];

/** µs of a token of one run. */
type Pair = readonly [short: number, long: number];

/**
 * Time per token after a context of `tokens` tokens and after a short one.
 *
 * @param decodeTokens - of each run
 */
export async function measureContext(
  options: MeasureOptions,
  tokens: number,
  decodeTokens: number,
): Promise<ContextReport> {
  const { model, onStage } = options;
  const [short, long] = [model.createState(), model.createState()];
  try {
    onStage(`${formatCount(tokens)} tokens of context`);
    await short.advance(spreadIds(SHORT_CONTEXT, model), { signal: options.signal });
    await consume(options, long, tokens);
    onStage(`decode after ${SHORT_CONTEXT} and after ${formatCount(tokens)} tokens, in turn`);
    const runs = await repeat(options, async () => ({
      wall: await wallUs(options, [short, long], decodeTokens),
      device: await deviceUs(options, [short, long]),
    }));
    const devices = runs.map(({ device }) => device).filter((pair) => pair !== undefined);
    return {
      ...{ tokens, shortTokens: SHORT_CONTEXT, decodeTokens },
      wall: contextTimes(runs.map(({ wall }) => wall)),
      device: devices.length > 0 ? contextTimes(devices) : undefined,
    };
  } finally {
    await short.dispose();
    await long.dispose();
  }
}

/** By the chunk, so that it can be told how far that has come. */
async function consume(
  { model, signal, onProgress }: MeasureOptions,
  state: ModelState,
  tokens: number,
): Promise<void> {
  while (state.position < tokens) {
    const ids = spreadIds(Math.min(model.prefillChunk, tokens - state.position), model, state.position);
    await state.advance(ids, { signal });
    onProgress({ done: state.position, total: tokens, unit: "tokens" });
  }
}

/** Median µs of a token, from its id to the logits after it; the states take turns every few tokens. */
async function wallUs({ model, signal }: MeasureOptions, states: States, tokens: number): Promise<Pair> {
  const durations: [number[], number[]] = [[], []];
  for (let done = 0; done < tokens; done += TURN_TOKENS) {
    for (const context of [0, 1] as const) {
      const [first = 0, ...ids] = spreadIds(Math.min(TURN_TOKENS, tokens - done) + 1, model, done);
      // With its first token a state is put in place.
      await states[context].advance([first], { signal });
      for (const id of ids) {
        const start = performance.now();
        await states[context].advance([id], { signal });
        durations[context].push((performance.now() - start) * 1000);
      }
    }
  }
  return [median(durations[0]), median(durations[1])];
}

/** µs of a token by the device's own clock; `undefined` where it has none, or only the processor's. */
async function deviceUs({ model, signal }: MeasureOptions, [short, long]: States): Promise<Pair | undefined> {
  if (model.device.kind === "cpu") return undefined;
  const of = async (state: ModelState) => (await model.profile({ state, steps: TIMED_STEPS, signal })).stepUs;
  const [shortUs, longUs] = [await of(short), await of(long)];
  return shortUs === undefined || longUs === undefined ? undefined : [shortUs, longUs];
}

function contextTimes(pairs: readonly Pair[]): ContextTimes {
  const shortUsPerToken = summarise(pairs.map(([short]) => short));
  const longUsPerToken = summarise(pairs.map(([, long]) => long));
  return { shortUsPerToken, longUsPerToken, ratio: longUsPerToken.median / shortUsPerToken.median };
}
