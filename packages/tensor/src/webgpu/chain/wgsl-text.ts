/**
 * Changes to WGSL as text, enough to put several shaders into one: which names a shader declares, other names for them, another
 * place for what it indexes. It knows WGSL's words and brackets, not its grammar.
 */

const WORD = /[A-Za-z_]\w*/g;

/** The names that are declared outside of functions. */
export function declaredNames(code: string): Set<string> {
  const names = new Set<string>();
  const outside = withoutBlocks(code);
  for (const [, name] of outside.matchAll(/\b(?:fn|struct|const|alias|var(?:<[^>]*>)?)\s+([A-Za-z_]\w*)/g)) {
    names.add(name as string);
  }
  return names;
}

/**
 * Gives names that stand for themselves another: not those of members, after a dot or where a structure declares them.
 */
export function renamed(code: string, rename: (name: string) => string | undefined): string {
  const structures = [...code.matchAll(/\bstruct\s+\w+\s*\{[^}]*\}/g)].map(({ 0: text, index }) => ({
    start: index + text.indexOf("{"),
    end: index + text.length,
  }));
  return code.replaceAll(WORD, (word, index: number) => {
    const other = rename(word);
    if (other === undefined || /[\w.]/.test(code[index - 1] ?? "")) return word;
    const isMember =
      /^\s*:/.test(code.slice(index + word.length)) &&
      structures.some(({ start, end }) => index > start && index < end);
    return isMember ? word : other;
  });
}

/** Writes each `name[index]` anew, for names that `write` knows. */
export function reindexed(code: string, write: (name: string, index: string) => string | undefined): string {
  let result = "";
  let done = 0;
  for (const match of code.matchAll(/[A-Za-z_]\w*(?=\[)/g)) {
    const [name] = match;
    if (match.index < done || /[\w.]/.test(code[match.index - 1] ?? "") || write(name, "") === undefined) continue;
    const open = match.index + name.length;
    const close = closingBracket(code, open);
    result += code.slice(done, match.index) + write(name, reindexed(code.slice(open + 1, close), write));
    done = close + 1;
  }
  return result + code.slice(done);
}

/** Takes the declarations of workgroup variables out of the code. */
export function takeWorkgroupVariables(code: string): { rest: string; variables: { name: string; type: string }[] } {
  const variables: { name: string; type: string }[] = [];
  const rest = code.replaceAll(/\bvar<workgroup>\s+(\w+)\s*:\s*([^;]+);/g, (_, name: string, type: string) => {
    variables.push({ name, type });
    return "";
  });
  return { rest, variables };
}

/** The code without what stands in braces, and without comments. */
function withoutBlocks(code: string): string {
  let depth = 0;
  let outside = "";
  for (const char of code.replaceAll(/\/\/.*/g, "")) {
    if (char === "{") depth++;
    if (depth === 0) outside += char;
    if (char === "}") depth--;
  }
  return outside;
}

function closingBracket(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    if (code[at] === "[") depth++;
    if (code[at] === "]" && --depth === 0) return at;
  }
  throw new Error(`no closing bracket for that at ${open} in: ${code}`);
}
