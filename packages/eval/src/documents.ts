/** Documents of a file of text. */

/** What stands between documents in the texts that models of this family are trained on. */
export const DOCUMENT_SEPARATOR = "<|endoftext|>";

/**
 * Cuts a text into documents, without the white space at their ends; those that hold nothing else are left out.
 *
 * @param separator - what stands between them; default `<|endoftext|>`. An empty one: the text is one document, as it is
 */
export function splitDocuments(text: string, separator: string = DOCUMENT_SEPARATOR): string[] {
  if (separator === "") return text.trim() === "" ? [] : [text];
  return text
    .split(separator)
    .map((document) => document.trim())
    .filter((document) => document !== "");
}
