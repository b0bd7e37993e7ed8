/**
 * How what is typed becomes text for the model. Base models go on with any text, so by default it is appended as it is; models that were
 * trained on conversations want a form around it.
 */
import type { ChatTemplate } from "@blackmamba/tokenizer/chat-template";

/** What was typed, and what the model said to it. */
export interface ChatTurn {
  readonly user: string;
  readonly answer: string;
}

/** What was said so far. */
export interface Said {
  /** All of it, as the model has read it. */
  readonly text: string;
  readonly turns: readonly ChatTurn[];
}

export interface TurnFormat {
  /** What a text begins with before anything was said. */
  readonly opening: string;
  /** The whole text up to where the answer begins. It need not begin with what was there before: then that is read anew. */
  next(before: Said, input: string): string;
  /** What ends an answer, besides the model's end token. */
  readonly stops: readonly string[];
  /** Whether the tokenizer's start token goes before the text, where its model has one. */
  readonly addsStartToken: boolean;
}

/** Nothing around it. */
export function plainFormat(opening = ""): TurnFormat {
  return {
    opening,
    next: ({ text }, input) => (text || opening) + input,
    stops: [],
    addsStartToken: true,
  };
}

/** Each side's words on lines of their own, after its prefix: `User: …`, `Assistant: …`. */
export function prefixFormat(
  prefixes: { readonly user: string; readonly assistant: string },
  opening = "",
): TurnFormat {
  const next = ({ text }: Said, input: string): string => {
    const before = text || opening;
    const lineEnd = before === "" || before.endsWith("\n") ? "" : "\n";
    return `${before}${lineEnd}${prefixes.user}${input}\n${prefixes.assistant}`;
  };
  // Or the model would go on with what the user says next. White space at the end may be part of the next token.
  const stop = prefixes.user.trimEnd();
  return { opening, next, stops: stop === "" ? [] : [`\n${stop}`], addsStartToken: true };
}

/** A chat template, which writes the start token itself. */
export function templateFormat(template: ChatTemplate, system?: string): TurnFormat {
  return {
    opening: "",
    next: ({ turns }, input) =>
      template.render([
        ...(system === undefined ? [] : [{ role: "system", content: system }]),
        ...turns.flatMap(({ user, answer }) => [
          { role: "user", content: user },
          { role: "assistant", content: answer },
        ]),
        { role: "user", content: input },
      ]),
    stops: [],
    addsStartToken: false,
  };
}
