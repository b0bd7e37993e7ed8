/**
 * A session with a model: what was said, and the states that remember it. Each turn costs its own tokens only, whatever came before.
 * Knows no terminal and no files.
 *
 * A state in here stands still once it is made, but for the one of `#here` when it catches up: a turn works on a copy. That is what
 * makes undo, forks and interruptions exact.
 */
import { setImmediate } from "node:timers/promises";
import { ChatError } from "../errors.ts";
import type { Model, State, TextOptions } from "../library.ts";
import { startTextTimes, type TextTimes } from "../output/text-times.ts";
import type { TextSampling } from "../text-sampling.ts";
import { decodeChat, encodeChat } from "./chat-file.ts";
import { orNearest } from "./nearest.ts";
import { type ShownToken, shownIds } from "./shown-ids.ts";
import type { ChatTurn, Said, TurnFormat } from "./turn-format.ts";

/** What a session needs of a model. */
export type ChatModel = Pick<Model, "tokenizer" | "generate" | "createState" | "loadState">;

export interface AnswerOptions {
  readonly signal: AbortSignal;
  readonly onText: (text: string, tokens: number) => void;
}

/** How an answer went. */
export interface Answer extends TextTimes {
  /** Tokens that were read for it, besides those of the answer. */
  readonly readTokens: number;
  /** `end`: the model has ended its text, or a stop text came. */
  readonly stopReason: "end" | "length" | "interrupted";
  /** Whether all that was said before had to be read anew, as the template has written it differently. */
  readonly isReadAnew: boolean;
}

/** A place in a text. */
interface Place extends Said {
  readonly state: State;
  /** Ids of the text that the state has yet to consume: they go before the next prompt. */
  readonly pending: readonly number[];
}

/** What can be gone back to. */
interface UndoStep {
  readonly place: Place;
  /** What was typed there, if that is what made the next place. */
  readonly input: string | undefined;
}

/** A text under a name. */
interface Branch {
  here: Place;
  readonly undo: UndoStep[];
}

/** What `/fork` lists. */
export interface BranchSummary {
  readonly name: string;
  readonly isCurrent: boolean;
  readonly tokens: number;
  readonly text: string;
}

/** Of the largest model each costs 2.6 MB. */
const MAX_UNDO_STEPS = 32;

/** The name of the branch that a session begins in. */
export const FIRST_BRANCH = "main";

export class ChatSession {
  readonly #model: ChatModel;
  readonly #format: TurnFormat;
  readonly #branches = new Map<string, Branch>();
  #name = FIRST_BRANCH;
  /** Answers that were begun: each has a seed of its own. */
  #answers = 0;
  /** May be changed between answers. */
  sampling: TextSampling;

  constructor(
    model: ChatModel,
    { format, sampling }: { readonly format: TurnFormat; readonly sampling: TextSampling },
  ) {
    this.#model = model;
    this.#format = format;
    this.sampling = sampling;
    this.#branches.set(FIRST_BRANCH, { here: this.#nothingSaid(), undo: [] });
  }

  /** All of the text. */
  get text(): string {
    return this.#here.text || this.#format.opening;
  }

  get turns(): readonly ChatTurn[] {
    return this.#here.turns;
  }

  /** Tokens of what was said so far. */
  get tokens(): number {
    return tokensOf(this.#here);
  }

  /** How many steps can be undone. */
  get undoSteps(): number {
    return this.#branch.undo.length;
  }

  /** Bytes that each state takes on the device. */
  get stateByteLength(): number {
    return this.#here.state.byteLength;
  }

  get branches(): BranchSummary[] {
    return [...this.#branches].map(([name, { here }]) => ({
      name,
      isCurrent: name === this.#name,
      tokens: tokensOf(here),
      text: here.text,
    }));
  }

  /**
   * One turn: gives the model what was typed, and has it answer. When that is interrupted, the answer is what was shown of it; when
   * it fails, everything is as before.
   *
   * @param input - nothing: the model goes on with what it said last
   * @returns `undefined` where there is no text yet that the model could go on from
   */
  async answer(input: string, options: AnswerOptions): Promise<Answer | undefined> {
    const made = await this.#answerAt(this.#here, input, options);
    if (made) await this.#goTo(made.place, input);
    return made?.answer;
  }

  /** Goes back to before the last turn, `reset` or `load`. Says whether there was one. */
  async undo(): Promise<boolean> {
    const branch = this.#branch;
    const step = branch.undo.pop();
    if (!step) return false;
    const { state } = branch.here;
    branch.here = step.place;
    await state.dispose();
    return true;
  }

  /**
   * Answers once more what was typed last, in place of the answer before.
   *
   * @returns `undefined` where nothing was typed that could be answered again
   */
  async retry(options: AnswerOptions): Promise<Answer | undefined> {
    const step = this.#branch.undo.at(-1);
    if (step?.input === undefined) return undefined;
    const made = await this.#answerAt(step.place, step.input, options);
    if (!made) return undefined;
    const { state } = this.#here;
    this.#branch.here = made.place;
    await state.dispose();
    return made.answer;
  }

  /** Begins anew. */
  async reset(): Promise<void> {
    await this.#goTo(this.#nothingSaid());
  }

  /** Keeps a copy of this place under a name; the session stays where it is. */
  fork(name: string): void {
    if (this.#branches.has(name)) {
      throw new ChatError(`fork ${name}: expected a name that is free, found a text of this name; choose another`);
    }
    const { here } = this.#branch;
    this.#branches.set(name, { here: { ...here, state: this.#stateAt(here) }, undo: [] });
  }

  /** Goes to the text of this name. The one before keeps its own. */
  switchTo(name: string): void {
    if (!this.#branches.has(name)) {
      const names = [...this.#branches.keys()];
      throw new ChatError(`switch ${name}: expected one of ${names.join(", ")}${orNearest(name, names)}`);
    }
    this.#name = name;
  }

  /** This place as bytes, for `load`. */
  async save(): Promise<Uint8Array> {
    await this.#catchUp();
    const { state, text, turns } = this.#here;
    return encodeChat({ text, turns, state: await state.save() });
  }

  /**
   * Goes to the place that `save` has kept.
   *
   * @throws ChatError for bytes that are none of those; the model's own error for a state that is another model's
   */
  async load(bytes: Uint8Array): Promise<void> {
    const { text, turns, state } = decodeChat(bytes);
    const loaded = await this.#model.loadState(state);
    await this.#goTo({ state: loaded, pending: [], text, turns });
  }

  /** Frees all states. */
  async dispose(): Promise<void> {
    const places = [...this.#branches.values()].flatMap(({ here, undo }) => [here, ...undo.map(({ place }) => place)]);
    await Promise.all(places.map(({ state }) => state.dispose()));
  }

  get #branch(): Branch {
    return this.#branches.get(this.#name) as Branch;
  }

  get #here(): Place {
    return this.#branch.here;
  }

  #nothingSaid(): Place {
    return { state: this.#model.createState(), pending: [], text: "", turns: [] };
  }

  /** A state of its own for a place, or for the beginning. */
  #stateAt(place: Place | undefined): State {
    return place && place.state.position > 0 ? place.state.clone() : this.#model.createState();
  }

  #encode(text: string, isStart: boolean): number[] {
    const { tokenizer } = this.#model;
    if (!tokenizer) throw new ChatError("chat: expected a model with a tokenizer, found one without");
    return isStart && this.#format.addsStartToken ? tokenizer.encodePrompt(text) : tokenizer.encode(text);
  }

  /** The place that an answer leads to from another one, which stays as it is. */
  async #answerAt(
    before: Place,
    input: string,
    options: AnswerOptions,
  ): Promise<{ readonly place: Place; readonly answer: Answer } | undefined> {
    const whole = input === "" ? before.text || this.#format.opening : this.#format.next(before, input);
    if (whole === "") return undefined;
    const isReadAnew = !whole.startsWith(before.text);
    const text = isReadAnew ? "" : before.text;
    const from = isReadAnew ? undefined : before;
    const ids = [...(from?.pending ?? []), ...this.#encode(whole.slice(text.length), text === "")];
    const state = this.#stateAt(from);
    try {
      const told = await this.#generate(ids, state, options);
      const shown = told.tokens.map((token) => token.text).join("");
      const last = before.turns.at(-1);
      const turns =
        input === "" && last !== undefined
          ? [...before.turns.slice(0, -1), { ...last, answer: last.answer + shown }]
          : [...before.turns, { user: input, answer: shown }];
      const reached = await this.#reached(from, state, ids, told);
      const { times, stopReason } = told;
      return {
        place: { ...reached, text: whole + shown, turns },
        answer: { ...times, readTokens: ids.length, stopReason, isReadAnew },
      };
    } catch (error) {
      await state.dispose();
      throw error;
    }
  }

  async #generate(ids: readonly number[], state: State, { signal, onText }: AnswerOptions): Promise<Told> {
    const { seed, stop = [], ...sampling } = this.sampling;
    const options: TextOptions = {
      ...sampling,
      // The same seed for each would draw the same numbers for each.
      ...(seed === undefined ? {} : { seed: (seed + this.#answers) % 2 ** 32 }),
      stop: [...stop, ...this.#format.stops],
      state,
      signal,
    };
    this.#answers += 1;
    const tokens: ShownToken[] = [];
    const meter = startTextTimes();
    const pieces = this.#model.generate(ids, options);
    try {
      for (;;) {
        signal.throwIfAborted();
        const piece = await pieces.next();
        if (piece.done === true) {
          const stopReason = piece.value.finishReason === "length" ? "length" : "end";
          return { tokens, times: meter.end(), stopReason };
        }
        tokens.push(piece.value);
        meter.token();
        onText(piece.value.text, tokens.length);
        // A device that computes on this thread would otherwise keep Ctrl-C from being noticed.
        await setImmediate();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return { tokens, times: meter.end(), stopReason: "interrupted" };
    } finally {
      // Nobody else may use the state before it has ended; and how it ended was told.
      await pieces.return({ finishReason: "stop" }).catch(() => {});
    }
  }

  /**
   * The state and the pending ids of exactly what was read and shown. A generation's state has read what was told, which is more than
   * was shown where a stop text cut off a token; of a prompt that was interrupted it has read nothing.
   */
  async #reached(
    from: Place | undefined,
    state: State,
    ids: readonly number[],
    { tokens }: Told,
  ): Promise<Pick<Place, "state" | "pending">> {
    const start = from?.state.position ?? 0;
    const shown = this.#model.tokenizer ? shownIds(tokens, this.#model.tokenizer) : [];
    const all = [...ids, ...shown];
    const firstChange = tokens.findIndex(({ id }, index) => shown[index] !== id);
    const exact = ids.length + (firstChange < 0 ? tokens.length : firstChange);
    const consumed = state.position - start;
    if (consumed >= 0 && consumed <= exact) return { state, pending: all.slice(consumed) };
    await state.dispose();
    return { state: this.#stateAt(from), pending: all };
  }

  async #goTo(place: Place, input?: string): Promise<void> {
    const branch = this.#branch;
    branch.undo.push({ place: branch.here, input });
    branch.here = place;
    if (branch.undo.length > MAX_UNDO_STEPS) await branch.undo.shift()?.place.state.dispose();
  }

  /** Has the state consume what is pending. */
  async #catchUp(): Promise<void> {
    const { here } = this.#branch;
    if (here.pending.length === 0) return;
    const state = this.#stateAt(here);
    try {
      await state.advance(here.pending);
    } catch (error) {
      await state.dispose();
      throw error;
    }
    this.#branch.here = { ...here, state, pending: [] };
    await here.state.dispose();
  }
}

/** What a generation has told, and how it went. */
interface Told {
  readonly tokens: readonly ShownToken[];
  readonly times: TextTimes;
  readonly stopReason: Answer["stopReason"];
}

function tokensOf({ state, pending }: Place): number {
  return state.position + pending.length;
}
