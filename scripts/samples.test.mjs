/**
 * What the documents tell readers to write works: every block of code in them is parsed, type-checked or run.
 * See `samples/read-samples.mjs` for how a document says that one cannot be run.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blackmambaArguments, commandProblem, parseCommands } from "./samples/check-commands.mjs";
import { typeProblems } from "./samples/check-types.mjs";
import { outputParts, readAllSamples, readSamples } from "./samples/read-samples.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const samples = await readAllSamples(root);
const scripts = JSON.parse(await readFile(join(root, "package.json"), "utf8")).scripts;

/** As a clone in which `npm start` has run, with all packages installed; what samples write stays within. */
let clone = "";
/** @type {Set<string>} */
const packages = new Set();

beforeAll(async () => {
  const turbo = [
    "run",
    "build",
    "--filter=@blackmamba/cli...",
    "--filter=@blackmamba/bench",
    "--output-logs=errors-only",
  ];
  await run(join(root, "node_modules/.bin/turbo"), turbo, { cwd: root, env: { ...process.env, CI: "true" } });
  clone = await mkdtemp(join(tmpdir(), "blackmamba-samples-"));
  await mkdir(join(clone, "node_modules/@blackmamba"), { recursive: true });
  for (const parent of ["packages", "apps"]) {
    await mkdir(join(clone, parent));
    for (const name of await readdir(join(root, parent))) {
      await symlink(join(root, parent, name), join(clone, parent, name));
      await symlink(join(root, parent, name), join(clone, "node_modules/@blackmamba", name));
      packages.add(`@blackmamba/${name}`);
    }
  }
  await symlink(join(root, "fixtures"), join(clone, "fixtures"));
  await giveModels(clone);
  for (const name of ["@types", "@webgpu", "vite"])
    await symlink(join(root, "node_modules", name), join(clone, "node_modules", name));
  // The clients of a server, as readers install them.
  for (const name of ["@ai-sdk", "ai", "openai"])
    await symlink(join(root, "packages/server/node_modules", name), join(clone, "node_modules", name));
}, 300_000);

afterAll(() => rm(clone, { recursive: true, force: true }));

const isProgram = (/** @type {{ language: string }} */ { language }) => language === "js" || language === "ts";
const named = (/** @type {typeof samples} */ list) =>
  list.map((sample) => ({ ...sample, name: `${sample.file}:${sample.line}` }));

test("every block says what language it is in, and this test knows it", () => {
  const known = ["js", "ts", "sh", "json", "html", "wgsl"];
  const unknown = samples.filter(({ language }) => !known.includes(language));
  expect(unknown.map(({ file, line, language }) => `${file}:${line}: ${language}`)).toEqual([]);
  expect(samples.length).toBeGreaterThan(30);
});

describe("JavaScript and TypeScript", () => {
  const wrong = readSamples(
    "wrong.md",
    `${fence("js", 'await BlackMamba.laod("x");')}\n\n${fence("ts", 'await BlackMamba.load("x", { quantise: "q8_0" });')}`,
  );
  /** @type {string[]} */
  let problems = [];

  beforeAll(async () => {
    const ofPages = samples.filter(({ language }) => language === "html");
    const scripts = ofPages.map((sample) => ({ ...sample, language: "js", code: scriptOf(sample.code) }));
    problems = await typeProblems(clone, [...samples.filter(isProgram), ...scripts, ...wrong]);
  });

  test("have the right types", () => {
    expect(problems.filter((problem) => !problem.startsWith("wrong.md"))).toEqual([]);
  });

  test("a misspelt method and a wrong option are found", () => {
    expect(problems.filter((problem) => problem.startsWith("wrong.md"))).toEqual([
      expect.stringMatching(/^wrong\.md:8: .*quantise/),
      expect.stringMatching(/^wrong\.md:3: .*laod/),
    ]);
  });
});

describe.each(named(samples.filter((sample) => isProgram(sample) && !sample.notRun)))("$name", (sample) => {
  test("runs, and prints what is shown", async () => {
    const cwd = sample.file.startsWith("packages/") ? await makeReaderFolder(join(clone, "packages")) : clone;
    const file = join(cwd, `${sample.line}-${sample.file.replaceAll("/", "-")}.mjs`);
    await writeFile(file, sample.code);
    const { stdout } = await run(process.execPath, [file], { cwd, timeout: 60_000 });
    for (const part of outputParts(sample.output ?? "")) expect(stdout).toContain(part);
  }, 90_000);
});

describe.each(named(samples.filter(({ language }) => language === "sh")))("$name", (sample) => {
  const commands = parseCommands(sample.code);

  test("has commands that there are", async () => {
    const known = { root, scripts, packages, document: await readFile(join(root, sample.file), "utf8") };
    const problems = await Promise.all(commands.map((words) => commandProblem(words, known)));
    const found = problems.filter((problem) => problem !== undefined);
    // What is not run may be of other programs; ours are held to it all the same.
    expect(sample.notRun ? found.filter((problem) => !problem.startsWith("unknown command")) : found).toEqual([]);
  });

  const cheap = commands.map(blackmambaArguments).filter((args) => args && isCheap(args));
  if (cheap.length === 0 || sample.notRun) return;
  test("runs, and prints what is shown", async () => {
    const main = join(root, "apps/cli/dist/main.js");
    let printed = "";
    for (const args of cheap) {
      const { stdout } = await run(process.execPath, [main, ...(args ?? [])], { cwd: clone, timeout: 60_000 });
      printed += stdout;
    }
    for (const part of outputParts(sample.output ?? "")) expect(printed).toContain(part);
  }, 90_000);
});

test.each([
  ["blackmamba generate --max-token 5", "unknown option"],
  ["npx blackmamba convert ./a", "missing required argument"],
  ["npm start -- --quantize q9_0", "q9_0"],
  ["npm run biuld", "biuld"],
  ["npm install @blackmamba/modle", "modle"],
  ["node no-such-file.mjs", "no-such-file"],
  ["blakcmamba", "unknown command"],
])("the command `%s` is refused", async (line, problem) => {
  const [words = []] = parseCommands(line);
  expect(await commandProblem(words, { root, scripts, packages, document: "" })).toContain(problem);
});

test.each(samples.filter(({ language }) => language === "json"))("$file:$line is JSON", ({ code }) => {
  expect(() => JSON.parse(code)).not.toThrow();
});

/**
 * A folder beside the packages, as paths in their READMEs are as seen from one of them; it may be written to.
 *
 * @param {string} parent
 */
async function makeReaderFolder(parent) {
  const folder = await mkdtemp(join(parent, "of-a-reader-"));
  await giveModels(folder);
  return folder;
}

/**
 * The models that documents suppose a reader to have.
 *
 * @param {string} folder
 */
async function giveModels(folder) {
  const models = {
    "pytorch_model.bin": "fixtures/golden/blackmamba/pytorch_model.bin",
    "my-model": "packages/storyteller/model",
    model: "packages/storyteller/model",
  };
  for (const [name, path] of Object.entries(models)) await symlink(join(root, path), join(folder, name));
}

/**
 * Of the storyteller that comes along, on the processor, from arguments alone.
 *
 * @param {string[]} args
 */
function isCheap([command = "", ...rest]) {
  const model = rest.indexOf("--model");
  if (model >= 0 && rest[model + 1] !== "./my-model") return false;
  if (["webgpu", "-"].some((word) => rest.includes(word))) return false;
  // Of an evaluation's texts only those that are here.
  if (command === "eval") return rest.some((word) => word.startsWith("fixtures/"));
  return ["generate", "info", "devices", "--help"].includes(command) || rest.includes("--help");
}

/** @param {string} language @param {string} line */
function fence(language, line) {
  return `\`\`\`${language}\nimport { BlackMamba } from "@blackmamba/model";\n${line}\n\`\`\``;
}

/** @param {string} html */
function scriptOf(html) {
  return /<script type="module">([\s\S]*)<\/script>/.exec(html)?.[1] ?? "";
}
