/**
 * What is typed as a prompt: a text or, for a model without a tokenizer, ids.
 */

/** The prompt as `generate` takes it. */
export function promptOf(typed: string, hasTokenizer: boolean): string | number[] {
  if (hasTokenizer) return typed;
  return typed
    .split(/[\s,]+/)
    .filter((word) => word !== "")
    .map((word) => {
      const id = Number(word);
      if (Number.isInteger(id) && id >= 0) return id;
      throw new Error(
        `This model came without a tokenizer, so its prompts are ids, such as "5 17 3"; "${word}" is none.`,
      );
    });
}
