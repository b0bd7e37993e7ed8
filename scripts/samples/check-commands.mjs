/**
 * The lines of shell that documents show: whether there is such a command, with these options and arguments. Nothing is run here.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createProgram } from "../../apps/cli/src/program.ts";

/** Words and operators of a line, in the part of the shell's syntax that documents use. */
const TOKEN = /"((?:\\.|[^"\\])*)"|\$?'([^']*)'|(#.*$)|(\|\||&&|[|;]|>)|([^\s"'|;>]+)/g;

/**
 * The commands of a block, each as its words. Environment variables before one and what follows `>` are left out.
 *
 * @param {string} code
 * @returns {string[][]}
 */
export function parseCommands(code) {
  const commands = [];
  for (const line of code.replaceAll("\\\n", " ").split("\n")) {
    /** @type {string[]} */
    let words = [];
    let isTarget = false;
    for (const [, double, single, comment, operator, bare] of line.matchAll(TOKEN)) {
      if (comment !== undefined) break;
      if (operator !== undefined) {
        isTarget = operator === ">";
        if (!isTarget) {
          commands.push(words);
          words = [];
        }
      } else if (isTarget) {
        isTarget = false;
      } else {
        const word = double?.replace(/\\(.)/g, "$1") ?? single ?? bare ?? "";
        if (words.length > 0 || double !== undefined || !/^[A-Z_]+=/.test(word)) words.push(word);
      }
    }
    commands.push(words);
  }
  return commands.filter((words) => words.length > 0);
}

/**
 * The command line of `blackmamba` that a command stands for, or `undefined` if it is another one.
 *
 * @param {readonly string[]} words
 */
export function blackmambaArguments(words) {
  const text = words.join("\0");
  const [, rest] =
    /^(?:npx\0)?blackmamba(?:$|\0)([\s\S]*)/.exec(text) ??
    /^node\0apps\/cli\/dist\/main\.js(?:$|\0)([\s\S]*)/.exec(text) ??
    [];
  if (rest !== undefined) return rest === "" ? [] : rest.split("\0");
  if (words[0] !== "npm" || words[1] !== "start") return undefined;
  return ["generate", ...words.slice(words[2] === "--" ? 3 : 2)];
}

/**
 * What is wrong with a command, or `undefined`.
 *
 * @param {string[]} words
 * @param {{ readonly root: string, readonly scripts: object, readonly packages: ReadonlySet<string>, readonly document: string }} known
 * @returns {Promise<string | undefined>}
 */
export async function commandProblem(words, known) {
  const [command = "", ...rest] = words;
  const ours = blackmambaArguments(words);
  if (ours) return parseProblem(ours);
  if (["cd", "echo", "printf"].includes(command)) return undefined;
  if (command === "npm") return npmProblem(rest, known);
  if (command === "node") return nodeProblem(rest, known);
  if (command === "npx" && rest[0] === "changeset") return undefined;
  return `unknown command ${JSON.stringify(command)}`;
}

/** @param {string[]} args @returns {Promise<string | undefined>} */
async function parseProblem(args) {
  let said = "";
  const sink = /** @type {any} */ ({ write: (/** @type {string} */ text) => (said += text) });
  const program = createProgram(/** @type {any} */ ({ stdout: sink, stderr: sink }), /** @type {any} */ ({}));
  /** @param {ReturnType<typeof createProgram>} command */
  const silence = (command) => {
    for (const each of command.commands) {
      if (each.commands.length === 0) each.action(() => {});
      silence(each.exitOverride());
    }
  };
  silence(program);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    if (code !== "commander.helpDisplayed" && code !== "commander.version") return `blackmamba: ${message}`;
  }
  return undefined;
}

/** @param {string[]} args @param {{ readonly scripts: object, readonly packages: ReadonlySet<string> }} known */
function npmProblem([verb = "", ...rest], { scripts, packages }) {
  if (verb === "test") return undefined;
  if (verb === "run") return rest[0] && rest[0] in scripts ? undefined : `no script ${rest[0]} in package.json`;
  if (verb !== "install") return `unknown command npm ${verb}`;
  const unknown = rest.filter((name) => !name.startsWith("-") && !packages.has(name));
  const [ours] = unknown.filter((name) => name.startsWith("@blackmamba/"));
  if (ours) return `no package ${ours} here`;
  return unknown.length > 0 ? `unknown command npm install ${unknown.join(" ")}` : undefined;
}

/** @param {string[]} args @param {{ readonly root: string, readonly document: string }} known */
function nodeProblem(args, { root, document }) {
  const file = args.find((word) => !word.startsWith("-")) ?? "";
  if (existsSync(join(root, file)) || document.includes(`\`${file}\``)) return undefined;
  return `no file ${file}`;
}
