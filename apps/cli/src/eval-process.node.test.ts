/**
 * `blackmamba eval` as a process, with the trained model on the CPU: the figures that are known of it, and runs that are stopped and
 * killed. What the command says is tested in `eval.node.test.ts`.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readJsonFixture } from "@blackmamba/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCommand, startCommand } from "./testing/built-command.ts";

/** Perplexity of the bf16 model over all documents of `nll.json`, as the reference computed it in float32. */
const REFERENCE_PERPLEXITY = 15.2996;
const BF16_FOLDER = fileURLToPath(new URL("../../../../shared/models/storyteller", import.meta.url));
const PASSAGES = fileURLToPath(new URL("../../../fixtures/lambada/sample.jsonl", import.meta.url));
const DOCUMENTS = fileURLToPath(new URL("../../../fixtures/storyteller/documents.txt", import.meta.url));

/** `nll` is the reference's sum over `tokens` predictions, after the start token. */
interface ReferenceDocument {
  readonly tokens: number;
  readonly nll: number;
}

let folder: string;
let reference: readonly ReferenceDocument[];

beforeAll(async () => {
  await buildCommand();
  folder = await mkdtemp(join(tmpdir(), "blackmamba-eval-"));
  reference = await readJsonFixture("storyteller/nll.json");
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (...args: string[]) => startCommand(["eval", "--device", "cpu", ...args], folder);

async function report(...args: string[]) {
  const { exitCode, out, err } = await start(...args, "--json").ended;
  expect(exitCode, err).toBe(0);
  return JSON.parse(out);
}

describe("perplexity over the documents of nll.json", () => {
  const close = (found: { nll: number; tokens: number }, expected: { nll: number; tokens: number }) => {
    expect(found.tokens).toBe(expected.tokens);
    return Math.abs(Math.exp(found.nll / found.tokens) - Math.exp(expected.nll / expected.tokens));
  };

  test.runIf(existsSync(BF16_FOLDER))(
    "in bf16 is the reference's within 1e-3, and so is that of each",
    async () => {
      const { documents, perplexity } = await report(DOCUMENTS, "--model", BF16_FOLDER);
      expect(documents).toHaveLength(24);
      for (const [index, expected] of reference.entries()) {
        expect(close(documents[index], expected), `document ${index}`).toBeLessThanOrEqual(1e-3);
      }
      expect(Math.abs(perplexity - REFERENCE_PERPLEXITY)).toBeLessThanOrEqual(1e-3);
    },
    300_000,
  );

  test("as shipped, in 8 bit, is within 1 % of it", async () => {
    const { perplexity } = await report(DOCUMENTS);
    expect(Math.abs(perplexity / REFERENCE_PERPLEXITY - 1)).toBeLessThanOrEqual(0.01);
  }, 300_000);
});

describe("a run that is", () => {
  /** When so many results are in a file. */
  async function kept(path: string, count: number): Promise<void> {
    const lines = async () => (await readFile(join(folder, path), "utf8").catch(() => "")).split("\n").length - 2;
    while ((await lines()) < count) await setTimeout(5);
  }
  const figures = ({ accuracy, perplexity, passages }: Record<string, unknown>) => ({ accuracy, perplexity, passages });

  test("killed goes on with the next passage, and gives the same", async () => {
    const whole = await report("--task", "lambada", PASSAGES);
    const args = ["--task", "lambada", PASSAGES, "--resume", "killed.jsonl"];
    for (const count of [1, 4, 6]) {
      const { child, ended } = start(...args);
      await kept("killed.jsonl", count);
      child.kill("SIGKILL");
      await ended;
    }
    const resumed = await report(...args);
    expect(resumed.resumed).toBeGreaterThanOrEqual(6);
    expect(resumed.resumed).toBeLessThan(13);
    expect(figures(resumed)).toEqual(figures(whole));
  }, 300_000);

  test("stopped by Ctrl-C says how to go on, and exits with 130", async () => {
    const args = [DOCUMENTS, "--resume", "stopped.jsonl", "--limit", "8"];
    const { child, ended } = start(...args);
    await kept("stopped.jsonl", 2);
    child.kill("SIGINT");
    const { exitCode, out, err } = await ended;
    expect(exitCode).toBe(130);
    expect(out).toBe("");
    expect(err).toMatch(
      /\nstopped after \d of 8 documents, kept in stopped\.jsonl: the same command goes on from there\n$/,
    );
    const resumed = await report(...args);
    expect(resumed.resumed).toBeGreaterThanOrEqual(2);
    expect(resumed.nll).toBe((await report(DOCUMENTS, "--limit", "8")).nll);
  }, 300_000);

  test("of the same model in another precision is refused", async () => {
    const args = ["--task", "lambada", PASSAGES, "--resume", "precision.jsonl", "--limit", "1"];
    await report(...args);
    const { exitCode, err } = await start(...args, "--quantize", "q4_0").ended;
    expect(exitCode).toBe(1);
    expect(err).toMatch(/expected results of --quantize "q4_0", found those of no --quantize; name another file\n$/);
    if (!existsSync(BF16_FOLDER)) return;
    const other = await start(...args, "--model", BF16_FOLDER).ended;
    expect(other.err).toMatch(/expected results of the model .*, found those of another, which was at /);
  }, 300_000);
});
