/** The state that a text goes on from, and the file that its own is left in. */
import { InputFileError } from "../errors.ts";
import { readInputFile } from "../input-file.ts";
import type { Io } from "../io.ts";
import type { Model, State } from "../library.ts";
import { checkResultFile, writeResultFile } from "../output/result-file.ts";
import { formatBytes, formatNumberOf } from "../output/units.ts";

/** What users say of it. */
export interface StateOptions {
  readonly loadState?: string | undefined;
  readonly saveState?: string | undefined;
  /** Whether the file to save to may be there already. */
  readonly force?: boolean | undefined;
}

/** What is known before the model is loaded: whatever may be wrong is to be found before that. */
export interface StateFiles {
  /** What was loaded, and from where. */
  readonly origin: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  /** Where to save to. */
  readonly target: string | undefined;
}

/** @throws InputFileError, OutputError */
export async function openStateFiles(options: StateOptions, signal: AbortSignal): Promise<StateFiles> {
  const { loadState: path, saveState: target, force = false } = options;
  if (target !== undefined) await checkResultFile(target, force);
  const origin = path === undefined ? undefined : { path, bytes: await readInputFile(path, "a saved state", signal) };
  return { origin, target };
}

/** A text's state on its way from file to file. */
export class KeptState {
  readonly state: State;
  readonly #target: string | undefined;
  readonly #positionBefore: number;

  /**
   * @returns `undefined` where no file was named
   * @throws InputFileError for bytes that are no state of this model
   */
  static async open(model: Model, { origin, target }: StateFiles): Promise<KeptState | undefined> {
    if (!origin) return target === undefined ? undefined : new KeptState(model.createState(), target);
    try {
      return new KeptState(await model.loadState(origin.bytes), target);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ERR_STATE_FILE")) throw error;
      throw new InputFileError(origin.path, error.message, { cause: error });
    }
  }

  private constructor(state: State, target: string | undefined) {
    this.state = state;
    this.#target = target;
    this.#positionBefore = state.position;
  }

  /**
   * Saves it, once the text has ended, and says so.
   *
   * @param isBrokenOff - the text did not come to its end: then its prompt may not have been read, and nothing is saved
   */
  async save(io: Pick<Io, "stderr">, isBrokenOff: boolean): Promise<void> {
    const path = this.#target;
    if (path === undefined) return;
    const { position } = this.state;
    if (isBrokenOff && position === this.#positionBefore) {
      io.stderr.write(`${path}: no state was saved, as the prompt was not read to its end\n`);
      return;
    }
    const bytes = await this.state.save();
    await writeResultFile(path, bytes);
    io.stderr.write(
      `saved the state after ${formatNumberOf(position, "token")} in ${path}: ${formatBytes(bytes.byteLength)}\n`,
    );
  }
}
