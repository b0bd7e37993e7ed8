/** Documents of a file of text. */

/** What stands between documents in the texts that models of this family are trained on. */
export const DOCUMENT_SEPARATOR = "<|endoftext|>";

const FIRST_LINE_END = /^\r?\n/;
const LAST_LINE_END = /\r?\n$/;

/**
 * Cuts a text into documents. A line end right before or after a separator belongs to it, and the last one of the text to nothing, as
 * editors put it there; what else is in between is the document as it is. Those that hold nothing but white space are left out.
 *
 * @param separator - what stands between documents; default `<|endoftext|>`. An empty one: the text is one document, as it is
 */
export function splitDocuments(text: string, separator: string = DOCUMENT_SEPARATOR): string[] {
  const documents = separator === "" ? [text] : text.replace(LAST_LINE_END, "").split(separator);
  return documents
    .map((document, index) => {
      const begun = index > 0 ? document.replace(FIRST_LINE_END, "") : document;
      return index < documents.length - 1 ? begun.replace(LAST_LINE_END, "") : begun;
    })
    .filter((document) => document.trim() !== "");
}
