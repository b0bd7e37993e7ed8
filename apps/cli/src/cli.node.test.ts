/**
 * The built command as a user runs it: a process with streams, signals and an exit code. What the commands say is
 * tested in `run.node.test.ts`, and of every damaged model in `bad-input.node.test.ts`; here is what only a process shows.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { buildCommand, type Ended, main, startCommand } from "./testing/built-command.ts";
import { changeConfig, createModelFolder, growVocabulary, overwriteInWeights } from "./testing/model-folder.ts";

/** On Linux: no Vulkan driver can be found, so WebGPU has no adapter. */
const NO_DRIVER = { VK_DRIVER_FILES: "/nowhere/icd.json" };

/** What the storyteller writes greedily; in 8 bit it may leave the bf16 model's words later, not here. */
const GREEDY_START = "The dog was very hungry. He wanted to eat";

let folder: string;

beforeAll(async () => {
  await buildCommand();
  folder = await mkdtemp(join(tmpdir(), "blackmamba-cli-"));
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (args: readonly string[], env?: NodeJS.ProcessEnv) => startCommand(args, folder, env);

interface Surroundings {
  /** Standard input. */
  readonly input?: string;
  /** Variables beside this process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

function blackmamba(args: readonly string[], { input, env }: Surroundings = {}): Promise<Ended> {
  const { child, ended } = start(args, env);
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
    const { exitCode, out } = await blackmamba(args, { input: "The dog was\n" });
    const result = JSON.parse(out);
    expect(result).toMatchObject({ prompt: "The dog was", tokens: 12, promptTokens: 4, finishReason: "length" });
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

describe("a state in a file", () => {
  const twenty = ["--device", "cpu", "--max-tokens", "20"];

  test("20 tokens and 20 more are the 40 at once, and another model's state is refused", async () => {
    const saved = await blackmamba(["generate", "The dog was", ...twenty, "--save-state", "dog.state"]);
    expect(saved.exitCode).toBe(0);
    expect(saved.err).toMatch(/\nsaved the state after 24 tokens in dog\.state: [\d.]+ kB\n/);
    const more = await blackmamba(["generate", "", ...twenty, "--load-state", "dog.state", "--json"]);
    const whole = await blackmamba(["generate", "The dog was", "--device", "cpu", "--max-tokens", "40"]);
    expect(`${saved.out.replace(/\n$/, "")}${JSON.parse(more.out).text}\n`).toBe(whole.out);
    const other = await createModelFolder(join(folder, crypto.randomUUID()));
    const refused = await blackmamba(["generate", ...twenty, "--load-state", "dog.state", "--model", other]);
    expectFailure(refused, 1, /dog\.state: the saved state: expected one of this model, .* found one of the model /);
  });

  test("is saved to the token that was shown, when Ctrl-C comes", async () => {
    const args = [
      "generate",
      "The dog was",
      "--device",
      "cpu",
      "--max-tokens",
      "100000",
      "--save-state",
      "stopped.state",
    ];
    const { child, ended } = start([...args, "--logit-bias", "0:-Infinity", "--json"]);
    await written(child.stderr, /\nloaded /);
    await setTimeout(500);
    child.kill("SIGINT");
    const { exitCode, out, err } = await ended;
    expect(exitCode).toBe(130);
    const { finishReason, tokens, text } = JSON.parse(out);
    expect(finishReason).toBe("interrupted");
    expect(err).toContain(`saved the state after ${4 + tokens} tokens in stopped.state`);
    const more = ["generate", "--device", "cpu", "--max-tokens", "5", "--json", "--logit-bias", "0:-Infinity"];
    const continued = JSON.parse((await blackmamba([...more, "--load-state", "stopped.state"])).out);
    const atOnce = [...more.slice(0, 1), "The dog was", ...more.slice(1), "--max-tokens", String(tokens + 5)];
    expect(`${text}${continued.text}`).toBe(JSON.parse((await blackmamba(atOnce)).out).text);
  });
});

test("several samples of a prompt, with log-probabilities", async () => {
  const args = ["generate", "The dog was", "--device", "cpu", "--max-tokens", "4", "--seed", "3"];
  const { exitCode, out } = await blackmamba([...args, "--samples", "2", "--json", "--logprobs", "2"]);
  expect(exitCode).toBe(0);
  const { samples, tokens } = JSON.parse(out);
  expect(tokens).toBe(8);
  expect(samples[0].text).not.toBe(samples[1].text);
  for (const { text, logprobs, finishReason } of samples) {
    expect(finishReason).toBe("length");
    expect(logprobs.map((token: { text: string }) => token.text).join("")).toBe(text);
    for (const { logprob, topLogprobs } of logprobs) {
      expect(topLogprobs).toHaveLength(2);
      expect(topLogprobs[0].logprob).toBeGreaterThanOrEqual(logprob);
    }
  }
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

test("convert makes a model that generate takes", async () => {
  const converted = await blackmamba([
    "convert",
    await createModelFolder(join(folder, "whole")),
    "q4",
    "--quantize",
    "q4_0",
  ]);
  expect(converted).toMatchObject({ exitCode: 0, out: "" });
  expect(converted.err).toMatch(/^wrote q4\/model\.safetensors: .*\n$/);
  const args = ["generate", "Hi", "--device", "cpu", "--max-tokens", "2", "--json", "--model", "q4"];
  expect(JSON.parse((await blackmamba(args)).out).tokens).toBe(2);
  expectFailure(await blackmamba(["convert", "whole", "q4"]), 1, /found; name another, or overwrite with --force$/);
});

describe("a chat by a script", () => {
  test("has answers on stdout, and each turn goes on from the one before", async () => {
    const script = ["The dog was", "/save story.chat", "", "/history", ""].join("\n");
    const args = ["chat", "--device", "cpu", "--temperature", "0", "--max-tokens", "7"];
    const { exitCode, out, err } = await blackmamba(args, { input: script });
    const lines = out.split("\n");
    expect(lines[0]).toBe(GREEDY_START.slice("The dog was".length));
    expect(lines[2]).toBe(`The dog was${lines[0]}${lines[1]}`);
    expect(err).toMatch(/^story\.chat: [\d.]+ kB written$/m);
    expect(exitCode).toBe(0);

    const loaded = await blackmamba([...args, "--load", "story.chat"], { input: "\n" });
    expect(loaded.out).toBe(`${lines[1]}\n`);
    expect(loaded.exitCode).toBe(0);
  });

  test("ends with 1 at a command that there is not", async () => {
    const { exitCode, err } = await blackmamba(["chat", "--device", "cpu"], { input: "/qiut\n" });
    expect(err).toMatch(/\nblackmamba: \/qiut: expected a command, found none of this name; did you mean \/quit\?\n$/);
    expect(exitCode).toBe(1);
  });

  test("is ended by Ctrl-C in an answer, which ends with a line end", async () => {
    const { child, ended } = start(["chat", "--device", "cpu", "--max-tokens", "100000", "--temperature", "0"]);
    child.stdin.write("The dog was\n");
    await written(child.stdout, /hungry/);
    child.kill("SIGINT");
    const { exitCode, out } = await ended;
    expect(exitCode).toBe(130);
    expect(out).toMatch(/^ very hungry.*\n$/s);
  });
});

describe("bench", () => {
  // Small, and one run: that it measures all there is, not how fast.
  const small = ["--tokens", "3", "--prompt-tokens", "5", "--runs", "1", "--json"];
  const webgpu = (inject("devices" as never) as readonly string[]).filter((kind) => kind === "webgpu");

  test.each<[string, string[]]>([
    ["cpu", ["--quantize", "q8_0", "--batch", "2", "--context", "20", "--compare-plain"]],
    ...webgpu.map((kind): [string, string[]] => [kind, ["--batch", "2"]]),
  ])("of random weights on %s", async (device, more) => {
    const args = ["bench", "--preset", "storyteller", "--device", device, ...more, ...small];
    const { exitCode, out, err } = await blackmamba(args);
    expect(err).toMatch(
      /^device .*\nthe ceiling …\nmaking weights …\ndecode …\nprefill …\nkernels of decode …\nkernels of prefill …\n/,
    );
    expect(exitCode).toBe(0);
    const { ceiling, model, decode, prefill, memory, batch, context, cpu } = JSON.parse(out);
    expect(ceiling.copyBytesPerSecond.median).toBeGreaterThan(0);
    expect(ceiling.flopsPerSecond.median).toBeGreaterThan(0);
    expect(model.parameters.total).toBe(25_973_296);
    expect(decode.tokensPerSecond.runs).toHaveLength(1);
    expect(decode.step.deviceUs.median).toBeGreaterThan(0);
    expect(prefill.tokens).toBe(5);
    for (const { step } of [decode, prefill, batch]) {
      const calls = step.kernels.reduce((sum: number, kernel: { calls: number }) => sum + kernel.calls, 0);
      expect(calls).toBe(step.dispatches);
    }
    expect(memory.beyond).toBeLessThan(64 << 20);
    expect(batch).toMatchObject({ sequences: 2, tokens: 3 });
    expect(decode.gapsMs.median).toBeGreaterThan(0);
    expect(decode.gapsMs.longest).toBeGreaterThanOrEqual(decode.gapsMs.median);
    if (device !== "cpu") return;
    expect(model.byteLength.total).toBeLessThan(30e6);
    expect(err).toMatch(/\n20 tokens of context …\ndecode after 10 and after 20 tokens, in turn …\n/);
    expect(context).toMatchObject({ tokens: 20, shortTokens: 10, decodeTokens: 1 });
    expect(context.wall.ratio).toBeGreaterThan(0);
    expect(cpu).toMatchObject({ tokens: 3, promptTokens: 5 });
    expect(cpu.variants[0]).toMatchObject({ code: "TypeScript", threads: 1, decodeSpeedup: 1, prefillSpeedup: 1 });
    expect(cpu.variants.at(-1)).toMatchObject({
      code: "WebAssembly",
      prefillTokensPerSecond: { runs: [expect.any(Number)] },
    });
  });

  test("of a checkpoint, as tables", async () => {
    const model = await createModelFolder(join(folder, crypto.randomUUID()));
    const args = ["bench", "--model", model, "--device", "cpu", ...small.filter((arg) => arg !== "--json")];
    const { exitCode, out } = await blackmamba(args);
    expect(exitCode).toBe(0);
    for (const title of ["ceiling", "decode, 1 run of 3 tokens", "prefill, 1 run of 5 tokens", "device memory"]) {
      expect(out).toContain(`\n${title}\n`);
    }
    expect(out).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("that would take hours on a processor is refused before anything is made", async () => {
    const args = ["bench", "--preset", "storyteller", "--device", "cpu", "--tokens", "10000000", "--runs", "1"];
    const { exitCode, err } = await blackmamba(args);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/\nblackmamba: storyteller: expected a bench of at most an hour, found about .*\n$/);
  });

  test("Ctrl-C while measuring exits with 130", async () => {
    const { child, ended } = start(["bench", "--preset", "storyteller", "--device", "cpu"]);
    await written(child.stderr, /decode …/);
    child.kill("SIGINT");
    const { exitCode, out } = await ended;
    expect(exitCode).toBe(130);
    expect(out).toBe("");
  });
});

describe("the first line on stderr is the device's, whatever WebGPU finds", () => {
  const first = async (env: NodeJS.ProcessEnv) =>
    (await blackmamba(["generate", "--max-tokens", "1"], { env })).err.split("\n")[0];

  test("with this machine's adapter, or none", async () => {
    expect(await first({})).toMatch(/^device (?:webgpu|cpu): ./);
  });

  // Elsewhere Dawn needs no loader.
  test.runIf(process.platform === "linux")("without a driver", async () => {
    expect(await first(NO_DRIVER)).toMatch(/^device cpu: WebGPU needs /);
  });

  test.runIf(process.platform === "linux")("with a driver whose library is not there", async () => {
    const manifest = join(folder, "gone.json");
    await writeFile(manifest, '{ "ICD": { "library_path": "libgone.so.0" } }');
    expect(await first({ VK_DRIVER_FILES: manifest })).toMatch(/^device cpu: WebGPU needs /);
  });
});

test.runIf(process.platform === "linux")("--device webgpu without an adapter is an error, and says why", async () => {
  const ended = await blackmamba(["generate", "--device", "webgpu"], { env: NO_DRIVER });
  expectFailure(ended, 1, /no WebGPU adapter: WebGPU needs .*; or use the device "cpu", which needs none$/);
});

describe("a model that cannot be loaded: nothing but one line, from the process as a whole", () => {
  test.each<[string, (model: string) => Promise<unknown>, RegExp]>([
    ["no such folder", (model) => rm(model, { recursive: true }), /: no such folder; give the path of a folder/],
    ["no tokenizer", (model) => rm(join(model, "tokenizer.json")), /: tokenizer\.json is missing/],
    [
      "a contradictory config.json",
      (model) => changeConfig(model, { num_layers: 99 }),
      /config\.json: num_layers is 99, but mamba_moe_layers has 4/,
    ],
    [
      "truncated weights",
      (model) => truncate(join(model, "pytorch_model.bin"), 20_000),
      /pytorch_model\.bin: .*truncated/,
    ],
    [
      "a pickle that imports os.system",
      (model) => overwriteInWeights(model, "ctorch._utils\n_rebuild_tensor_v2\n", "cos\nsystem\n"),
      /pytorch_model\.bin: the pickle asks for "os\.system", which is refused/,
    ],
  ])("%s", async (_, damage, message) => {
    const model = await createModelFolder(join(folder, crypto.randomUUID()));
    await damage(model);
    expectFailure(await blackmamba(["generate", "Hi", "--device", "cpu", "--model", model]), 1, message);
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

  test("Ctrl-C while converting removes what was written, and exits with 130", async () => {
    // Large enough to be converting for seconds; of holes, so that it takes no room.
    const model = await growVocabulary(await createModelFolder(join(folder, "large")), 2 ** 22);
    const { child, ended } = start(["convert", model, "large-q4/within", "--quantize", "q4_0"]);
    const begun = async () => {
      const files = await readdir(join(folder, "large-q4", "within")).catch((): string[] => []);
      return files.some((file) => file.startsWith(".blackmamba-"));
    };
    while (!(await begun())) await setTimeout(5);
    child.kill("SIGINT");
    expect(await ended).toEqual({ exitCode: 130, out: "", err: "" });
    expect(await readdir(folder)).not.toContain("large-q4");
  });

  describe("a server", () => {
    /** One that is in the midst of a stream, of so many tokens. */
    async function streaming(maxTokens: number) {
      const { child, ended } = start(["serve", "--device", "cpu", "--port", "0"], { BLACKMAMBA_API_KEYS: "secret" });
      let url = "";
      child.stdout.on("data", (text: string) => (url += text));
      await written(child.stdout, /\n/);
      const response = await fetch(`${url.trim()}/v1/completions`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: "Bearer secret" },
        body: JSON.stringify({ prompt: "The dog was", max_tokens: maxTokens, temperature: 0, stream: true }),
      });
      expect(response.status).toBe(200);
      return { child, ended, response, url: url.trim() };
    }

    test("finishes what is under way at SIGTERM, and exits with 0", async () => {
      const { child, ended, response, url } = await streaming(200);
      child.kill("SIGTERM");
      const text = await response.text();
      expect(text.match(/"text":" hungry"/)).not.toBeNull();
      expect(text).toMatch(/"finish_reason":"(length|stop)".*\n\ndata: \[DONE\]\n\n$/);
      const { exitCode, out, err } = await ended;
      expect(out).toBe(`${url}\n`);
      expect(err).toMatch(/shutting down: finishing what is under way\n.* POST \/v1\/completions 200 in /);
      expect(exitCode).toBe(0);
    });

    test("ends at once when it is told twice", async () => {
      const { child, ended, response } = await streaming(4000);
      child.kill("SIGTERM");
      await written(child.stderr, /shutting down/);
      child.kill("SIGTERM");
      expect((await ended).exitCode).toBe(143);
      await expect(response.text()).rejects.toThrow();
    });

    test("whose port is another's says so before it loads anything", async () => {
      const { child, url } = await streaming(1);
      const second = await blackmamba(["serve", "--port", new URL(url).port]);
      expectFailure(second, 1, /expected to listen there, found that another program listens there/);
      expect(second.err).not.toContain("device");
      child.kill("SIGKILL");
    });
  });

  test("a process that is killed at any moment leaves the model before or the one after, and nothing that stays", async () => {
    const source = await createModelFolder(join(folder, "killed-source"));
    const target = join(folder, "killed");
    const convert = (quantize: string) => ["convert", source, target, "--force", "--quantize", quantize];
    const contents = () => readFile(join(target, "model.safetensors"));
    const models = new Map<string, Buffer>();
    let durationMs = 0;
    for (const quantize of ["q4_0", "q8_0"]) {
      const start = performance.now();
      expect((await blackmamba(convert(quantize))).exitCode).toBe(0);
      durationMs = performance.now() - start;
      models.set(quantize, await contents());
    }
    const others = await Promise.all(["config.json", "tokenizer.json"].map((name) => readFile(join(target, name))));
    // Kills that come too early or too late tell nothing: these are spread over a run, the last tenth of it above all.
    const seen = { before: 0, after: 0, left: 0 };
    for (let kill = 0; kill < 20; kill += 1) {
      const before = await contents();
      const [quantize, after] = [...models].find(([, model]) => !model.equals(before))!;
      const { child, ended } = start(convert(quantize));
      const share = kill % 2 === 0 ? Math.random() : 0.8 + 0.3 * Math.random();
      const timer = globalThis.setTimeout(() => child.kill("SIGKILL"), share * durationMs);
      await ended;
      clearTimeout(timer);
      const found = await contents();
      if (found.equals(before)) seen.before += 1;
      else {
        expect(found.equals(after)).toBe(true);
        seen.after += 1;
      }
      for (const [index, name] of ["config.json", "tokenizer.json"].entries()) {
        expect((await readFile(join(target, name))).equals(others[index]!)).toBe(true);
      }
      if ((await readdir(target)).some((name) => name.startsWith(".blackmamba-"))) seen.left += 1;
    }
    console.info(
      `of 20 kills ${seen.before} left the model before, ${seen.after} the one after, ${seen.left} a folder`,
    );
    expect((await blackmamba(convert("q8_0"))).exitCode).toBe(0);
    expect((await contents()).equals(models.get("q8_0")!)).toBe(true);
    expect((await readdir(target)).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  });

  // Linux has a file that is always full.
  test.runIf(process.platform === "linux")(
    "output that cannot be written is a failure, also at the very end",
    async () => {
      const command = `"${process.execPath}" "${main}" info >/dev/full`;
      const run = promisify(execFile)("sh", ["-c", command]);
      await expect(run).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^blackmamba: standard output: .*\n$/),
      });
    },
  );

  test("a reader that goes away ends the run quietly", async () => {
    const { child, ended } = start(endless);
    await written(child.stdout, /The dog was.+/s);
    child.stdout.destroy();
    const { exitCode, err } = await ended;
    expect(exitCode).toBe(0);
    expect(err).not.toMatch(/EPIPE|blackmamba:/);
  });
});
