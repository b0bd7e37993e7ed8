/** The server on a real model: what clients get is what the library says. Not how fast: `npm run bench:server`. */

import { fileURLToPath } from "node:url";
import { BlackMamba } from "@blackmamba/model";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createServer, type Server } from "./create-server.ts";
import { type Listener, listen } from "./node.ts";

const modelFolder = fileURLToPath(new URL("../../storyteller/model", import.meta.url));

let model: BlackMamba;
let server: Server;
let listener: Listener;
let openai: OpenAI;

const metric = async (name: string) => {
  const text = await (await fetch(`${listener.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
};

beforeAll(async () => {
  model = await BlackMamba.load(modelFolder, { device: "cpu" });
  server = createServer(model, { modelName: "storyteller", batchSize: 8, prefixCacheByteLength: 16 << 20 });
  listener = await listen(server, { port: 0 });
  openai = new OpenAI({ baseURL: `${listener.url}/v1`, apiKey: "none" });
  await server.ready;
});

afterAll(async () => {
  await listener.close();
  await model.dispose();
});

async function alone(prompt: string, options: Parameters<BlackMamba["generate"]>[1]): Promise<string> {
  let text = "";
  for await (const token of model.generate(prompt, options)) text += token.text;
  return text;
}

const PROMPTS = ["Once upon a time", "The dog was", "One day, a little girl", "Tom and his sister", "In the forest"];

test("greedy answers to many at once are those that the model gives alone", async () => {
  const bodies = PROMPTS.flatMap((prompt, at) => [20 + at, 3 * at + 4].map((max_tokens) => ({ prompt, max_tokens })));
  const expected = [];
  for (const { prompt, max_tokens } of bodies) expected.push(await alone(prompt, { maxTokens: max_tokens }));
  const answers = bodies.map(async (body, at) => {
    const asked = { model: "storyteller", temperature: 0, ...body };
    if (at % 2 === 0) return (await openai.completions.create(asked)).choices[0]?.text;
    let text = "";
    for await (const chunk of await openai.completions.create({ ...asked, stream: true }))
      text += chunk.choices[0]?.text;
    return text;
  });
  expect(await Promise.all(answers)).toEqual(expected);
});

test("a seed gives what the model gives with it, to each of several texts its own", async () => {
  const { choices } = await openai.completions.create({
    ...{ model: "storyteller", prompt: "The dog was", n: 3, max_tokens: 12, seed: 7, temperature: 0.9 },
  });
  const expected = [];
  for (const seed of [7, 8, 9]) expected.push(await alone("The dog was", { maxTokens: 12, temperature: 0.9, seed }));
  expect(choices.map(({ text }) => text)).toEqual(expected);
});

test("stop strings, and a bias, are heeded", async () => {
  const common = { model: "storyteller", prompt: "The dog was", max_tokens: 30, temperature: 0 };
  const stopped = await openai.completions.create({ ...common, stop: ["eat", "xyz"] });
  expect(stopped.choices[0]).toMatchObject({ text: " very hungry. He wanted to ", finish_reason: "stop" });
  const [very] = model.tokenizer?.encode(" very") ?? [];
  const biased = await openai.completions.create({ ...common, logit_bias: { [String(very)]: -100 } });
  expect(biased.choices[0]?.text).not.toMatch(/^ very/);
});

describe("as lm-eval asks", () => {
  test("ids come back with the log-probabilities that the model gives them", async () => {
    const ids = model.tokenizer?.encodePrompt("The dog was very hungry.") ?? [];
    const { choices } = await openai.completions.create({
      ...{ model: "storyteller", prompt: ids, max_tokens: 1, echo: true, logprobs: 1, temperature: 0 },
    });
    const { token_logprobs: logprobs, top_logprobs: top, tokens } = choices[0]?.logprobs ?? {};
    expect(tokens).toHaveLength(ids.length + 1);
    const scores = await model.score(ids);
    expect(logprobs?.[0]).toBeNull();
    for (let at = 1; at < ids.length; at++) expect(logprobs?.[at]).toBeCloseTo(scores.logprobs[at] as number, 5);
    // What is likeliest has just this log-probability: the harness looks for equality.
    const isLikeliest = logprobs?.map((each, at) => each === Math.max(...Object.values(top?.[at] ?? {})));
    expect(isLikeliest?.at(-1)).toBe(true);
  });

  test("a prompt alone can be asked for", async () => {
    const { choices, usage } = await openai.completions.create({
      ...{ model: "storyteller", prompt: "The dog", max_tokens: 0, echo: true, logprobs: 0 },
    });
    expect(choices[0]).toMatchObject({ text: "The dog", finish_reason: "length" });
    // The start token goes before, so that the first has one too.
    expect(choices[0]?.logprobs?.token_logprobs?.every((each) => each !== null && each < 0)).toBe(true);
    expect(usage?.completion_tokens).toBe(0);
  });
});

test("a chat ends where the other would go on", async () => {
  const { choices } = await openai.chat.completions.create({
    ...{ model: "storyteller", messages: [{ role: "user", content: "Tell me a story." }], max_completion_tokens: 60 },
  });
  expect(choices[0]?.message.content).not.toContain("\nUser:");
  expect(choices[0]?.message.content?.length).toBeGreaterThan(10);
});

test("a client that leaves frees its place", async () => {
  const body = { model: "storyteller", prompt: "Once", max_tokens: 4000, min_tokens: 4000, stream: true as const };
  for await (const _ of await openai.completions.create(body)) break;
  await vi.waitFor(async () => expect(await metric("blackmamba_texts_active")).toBe(0));
});

test("a prompt that was read before is not read again", async () => {
  const prompt = `${"A long beginning that two have in common. ".repeat(4)}Then`;
  const body = { model: "storyteller", prompt, max_tokens: 8, temperature: 0 };
  const first = await openai.completions.create(body);
  const before = await metric("blackmamba_prefix_cache_hit_tokens");
  const second = await openai.completions.create({ ...body, prompt: `${prompt}` });
  expect(second.choices[0]?.text).toBe(first.choices[0]?.text);
  expect((await metric("blackmamba_prefix_cache_hit_tokens")) - before).toBeGreaterThan(30);
});

test("half a character in a prompt breaks nothing", async () => {
  const answer = await openai.completions.create({ model: "storyteller", prompt: "\uD800 half", max_tokens: 3 });
  expect(answer.choices).toHaveLength(1);
});
