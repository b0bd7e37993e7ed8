/**
 * The built command as a user runs it: a process with streams, signals and an exit code. What the commands say is
 * tested in `run.node.test.ts`; here is what only a process and a real model can show.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const main = join(root, "apps/cli/dist/main.js");
const golden = join(root, "fixtures/golden/blackmamba");
const storyteller = join(root, "packages/storyteller/model");

/** What the storyteller writes greedily; in 8 bit it may leave the bf16 model's words later, not here. */
const GREEDY_START = "The dog was very hungry. He wanted to eat";

let folder: string;

beforeAll(async () => {
  // A test of the build must not test a stale one. Turbo does nothing where nothing changed.
  await promisify(execFile)(
    join(root, "node_modules/.bin/turbo"),
    ["run", "build", "--filter=@blackmamba/cli...", "--output-logs=errors-only"],
    { cwd: root, env: { ...process.env, CI: "true", TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" } },
  );
  folder = await mkdtemp(join(tmpdir(), "blackmamba-cli-"));
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
}

function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, out, err }));
  });
  return { child, ended };
}

function blackmamba(args: readonly string[], input?: string): Promise<Ended> {
  const { child, ended } = start(args);
  // Without input standard input stays open, as in a script that never closes it: the command must end all the same.
  if (input !== undefined) child.stdin.end(input);
  return ended;
}

/** When the stream has written text that matches. */
function written(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    let text = "";
    stream.on("data", (chunk: string) => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
  });
}

/** A model folder of its own, changed by the test. */
async function modelFolder(name: string, from: string): Promise<string> {
  const copy = join(folder, name);
  await mkdir(copy);
  await cp(from, copy, { recursive: true });
  return copy;
}

function expectFailure({ exitCode, out, err }: Ended, expectedCode: number, message: RegExp): void {
  const lines = err.trimEnd().split("\n");
  expect(lines.at(-1)).toMatch(/^blackmamba: /);
  expect(lines.at(-1)).toMatch(message);
  // Before it stands only how far the command came, and never a stack trace.
  expect(lines.slice(0, -1).filter((line) => !/^(?:device|loaded) /.test(line))).toEqual([]);
  expect(out).toBe("");
  expect(exitCode).toBe(expectedCode);
}

describe("text", () => {
  test("of the default model, greedily, streams to stdout after its prompt", async () => {
    const args = ["generate", "The dog was", "--device", "cpu", "--max-tokens", "20"];
    const { exitCode, out, err } = await blackmamba(args);
    expect(err.split("\n")[0]).toBe("device cpu: as asked for");
    expect(out.startsWith(GREEDY_START)).toBe(true);
    expect(out.endsWith("\n")).toBe(true);
    expect(err).toMatch(/\n20 tokens in .* tok\/s\n$/);
    expect(exitCode).toBe(0);
  });

  test("of a prompt from stdin, as JSON", async () => {
    const args = ["generate", "-", "--device", "cpu", "--max-tokens", "12", "--json"];
    const { exitCode, out } = await blackmamba(args, "The dog was\n");
    const result = JSON.parse(out);
    expect(result).toMatchObject({ prompt: "The dog was", tokens: 12, promptTokens: 4, stopReason: "length" });
    expect(result.ids).toHaveLength(12);
    expect(GREEDY_START.startsWith(`The dog was${result.text}`.slice(0, GREEDY_START.length))).toBe(true);
    expect(result.device.kind).toBe("cpu");
    expect(exitCode).toBe(0);
  });

  test("with a seed is the same twice", async () => {
    const args = ["generate", "--device", "cpu", "--max-tokens", "16", "--seed", "7", "--top-k", "40"];
    const [first, second] = [await blackmamba(args), await blackmamba(args)];
    expect(first.exitCode).toBe(0);
    expect(second.out).toBe(first.out);
  });
});

test("info describes the default model", async () => {
  const { exitCode, out, err } = await blackmamba(["info", "--json"]);
  expect(err).toBe("");
  expect(exitCode).toBe(0);
  const { layers, parameters, byteLength } = JSON.parse(out);
  expect(layers.map(({ kind }: { kind: string }) => kind)).toEqual(Array(6).fill(["r", "8"]).flat());
  expect(parameters.active).toBeLessThan(parameters.total);
  expect(byteLength).toBeLessThan(30e6);
});

test("devices has the CPU, and exactly one default", async () => {
  const { exitCode, out } = await blackmamba(["devices", "--json"]);
  expect(exitCode).toBe(0);
  const listings: { kind: string; default: boolean; reason: string }[] = JSON.parse(out);
  expect(listings.map(({ kind }) => kind)).toContain("cpu");
  expect(listings.filter((listing) => listing.default)).toHaveLength(1);
  expect(listings.every(({ reason }) => reason !== "")).toBe(true);
});

describe("a model that cannot be loaded", () => {
  const generate = (model: string) => blackmamba(["generate", "Hi", "--device", "cpu", "--model", model]);

  test("no such folder", async () => {
    expectFailure(await generate("nowhere"), 1, /nowhere/);
    expectFailure(await blackmamba(["info", "--model", "nowhere"]), 1, /nowhere/);
  });

  test("a file in place of a folder", async () => {
    await writeFile(join(folder, "a-file"), "");
    expectFailure(await generate("a-file"), 1, /a-file/);
  });

  test("no config.json", async () => {
    const model = await modelFolder("no-config", golden);
    await rm(join(model, "config.json"));
    expectFailure(await generate(model), 1, /config\.json/);
  });

  test("a config.json that is no JSON", async () => {
    const model = await modelFolder("broken-config", golden);
    await truncate(join(model, "config.json"), 20);
    expectFailure(await generate(model), 1, /config\.json/);
  });

  test("a config.json that contradicts itself", async () => {
    const model = await modelFolder("wrong-config", golden);
    const config = JSON.parse(await readFile(join(model, "config.json"), "utf8"));
    await writeFile(join(model, "config.json"), JSON.stringify({ ...config, num_layers: 99 }));
    expectFailure(await generate(model), 1, /config\.json.*num_layers.*99/);
  });

  test("no weights", async () => {
    const model = join(folder, "no-weights");
    await mkdir(model);
    for (const file of ["config.json", "tokenizer.json"]) await cp(join(storyteller, file), join(model, file));
    expectFailure(await generate(model), 1, /no-weights/);
  });

  test("no tokenizer", async () => {
    expectFailure(await generate(await modelFolder("no-tokenizer", golden)), 1, /tokenizer\.json/);
  });

  test("truncated weights", async () => {
    const model = await modelFolder("truncated", golden);
    await rm(join(model, "model.safetensors"), { force: true });
    await truncate(join(model, "pytorch_model.bin"), 20_000);
    expectFailure(await generate(model), 1, /pytorch_model\.bin.*truncated/);
  });

  test("weights that are no checkpoint", async () => {
    const model = await modelFolder("no-zip", golden);
    await rm(join(model, "model.safetensors"), { force: true });
    await writeFile(join(model, "pytorch_model.bin"), "version https://git-lfs.github.com/spec/v1\n");
    expectFailure(await generate(model), 1, /pytorch_model\.bin/);
  });
});

test.each([
  [["generate", "--max-tokens", "-1"], /--max-tokens: expected a whole number of 1 or more, found "-1"/],
  [["generate", "--temperature", "warm"], /--temperature: expected a number of 0 or more, found "warm"/],
  [["generate", "--tempratur", "1"], /unknown option '--tempratur'/],
  [["tell"], /unknown command 'tell'/],
])("wrong use: %j", async (args, message) => expectFailure(await blackmamba(args), 2, message));

describe("stopping", () => {
  const endless = [
    "generate",
    "The dog was",
    "--device",
    "cpu",
    "--max-tokens",
    "100000",
    "--top-k",
    "50",
    "--seed",
    "1",
  ];

  test("Ctrl-C while generating keeps what was written, ends the line, and exits with 130", async () => {
    const { child, ended } = start(endless);
    await written(child.stdout, /The dog was.+/s);
    child.kill("SIGINT");
    const { exitCode, out, err } = await ended;
    expect(exitCode).toBe(130);
    expect(out).toMatch(/^The dog was.+\n$/s);
    expect(err).not.toContain("blackmamba:");
  });

  test("Ctrl-C while loading exits with 130", async () => {
    const { child, ended } = start(endless);
    await written(child.stderr, /^device /);
    child.kill("SIGINT");
    const { exitCode, err } = await ended;
    expect(exitCode).toBe(130);
    expect(err).not.toContain("blackmamba:");
  });

  test("a reader that goes away ends the run quietly", async () => {
    const { child, ended } = start(endless);
    await written(child.stdout, /The dog was.+/s);
    child.stdout.destroy();
    const { exitCode, err } = await ended;
    expect(exitCode).toBe(0);
    expect(err).not.toMatch(/EPIPE|blackmamba:/);
  });
});
