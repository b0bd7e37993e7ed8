/** Token ids that come from outside. */
import { PromptError } from "../errors.ts";

/** Throws unless there are ids and all are in the vocabulary. */
export function checkIds(ids: ArrayLike<number>, vocab: number): void {
  if (typeof ids?.length !== "number") {
    throw new PromptError(`token ids: expected an array of numbers, found ${ids === null ? "null" : typeof ids}`);
  }
  if (ids.length === 0) throw new PromptError("the prompt holds no tokens; give at least one id, or some text");
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    if (typeof id !== "number") {
      throw new PromptError(`token id at position ${i}: expected a number, found the ${typeof id} ${String(id)}`);
    }
    if (Number.isInteger(id) && id >= 0 && id < vocab) continue;
    throw new PromptError(
      `token id ${id} at position ${i} is out of range: this model's ids are 0 to ${vocab - 1}; ` +
        "encode the text with the model's own tokenizer",
    );
  }
}
