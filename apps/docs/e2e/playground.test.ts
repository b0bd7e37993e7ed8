/** The playground from end to end: the site as it is built, on a plain server, in a headless Chromium. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { BlackMamba, type GeneratedToken } from "@blackmamba/model";
import { modelFolder } from "@blackmamba/storyteller";
import { createFakeHub } from "@blackmamba/testing";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { formatBytes } from "../playground/format.ts";
import { drop, loadChosen, loaded, numbers, setSampling, tokenCount, useBrowser, write } from "./playground-page.ts";

const { url, isolatedUrl } = inject("site");
const playground = `${url}playground.html`;
const { open } = useBrowser();

const PROMPT = "Once upon a time there was a";
const GREEDY = { "Most tokens": "40", Temperature: "0" };

/** The same model in Node, as what comes in the page is held against it. */
let model: BlackMamba;
beforeAll(async () => {
  model = await BlackMamba.load(modelFolder, { device: "cpu" });
});
afterAll(() => model?.dispose());

async function inNode(of: BlackMamba, prompt: string | number[], maxTokens: number): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of of.generate(prompt, { maxTokens, temperature: 0 })) tokens.push(token);
  return tokens;
}

const textOf = (tokens: readonly GeneratedToken[]) => tokens.map(({ text }) => text).join("");

describe.each(["cpu", "webgpu"] as const)("on %s", (device) => {
  test("writes the greedy text that Node writes", async () => {
    const page = await open(playground);
    await loadChosen(page, device);
    expect(await page.locator(".loaded").textContent()).toContain(device === "cpu" ? "processor" : "WebGPU");
    await setSampling(page, GREEDY);
    const expected = await inNode(model, PROMPT, 40);
    expect(await write(page, PROMPT)).toBe(textOf(expected));
    expect(await tokenCount(page)).toBe(expected.length);
  });

  test("stops within a token, and writes again", async () => {
    const page = await open(playground);
    await loadChosen(page, device);
    await setSampling(page, { "Most tokens": "2000", Temperature: "1.5", Seed: "3" });
    await page.getByRole("button", { name: "Write", exact: true }).click();
    await page.waitForFunction(() => /\d+ tokens/.test(document.querySelector(".figures")?.textContent ?? ""));
    const atClick = await page.getByRole("button", { name: "Stop" }).evaluate(async (button: HTMLButtonElement) => {
      button.click();
      await Promise.resolve();
      return Number(/(\d+) tokens/.exec(document.querySelector(".figures")?.textContent ?? "")?.[1]);
    });
    await page.locator('.figures[data-status="stopped"]').waitFor();
    expect((await tokenCount(page)) - atClick).toBeLessThanOrEqual(1);
    await setSampling(page, GREEDY);
    expect(await write(page, PROMPT)).toBe(textOf(await inNode(model, PROMPT, 40)));
  });
});

test("the charts hold what trace gives", async () => {
  const page = await open(playground);
  await loadChosen(page, "cpu");
  await setSampling(page, GREEDY);
  await write(page, PROMPT);
  await page.getByRole("button", { name: "Look inside" }).click();
  await page.locator(".inside").waitFor();

  const ids = [
    ...(model.tokenizer?.encodePrompt(PROMPT) ?? []),
    ...(await inNode(model, PROMPT, 40)).map(({ id }) => id),
  ];
  const { layers } = await model.trace(ids);
  const moeLayers = layers.flatMap(({ routes }, layer) => (routes ? [{ layer, ...routes }] : []));
  const attentionLayers = layers.flatMap(({ hiddenAttention }, layer) =>
    hiddenAttention ? [{ layer, hiddenAttention }] : [],
  );

  const words = await page.locator('.tokens [role="option"]').allTextContents();
  expect(words).toHaveLength(ids.length);
  expect(words.slice(1).join("")).toBe(PROMPT + textOf(await inNode(model, PROMPT, 40)));

  expect(await numbers(page, /Tokens that each expert got/)).toEqual(
    moeLayers.flatMap(({ layer, experts, logits }) => {
      const load = new Array(logits.length / ids.length).fill(0);
      for (const expert of experts) load[expert]++;
      return load.map((count, expert) => [String(layer), String(expert), String(count)]);
    }),
  );

  for (const token of [0, 7, ids.length - 1]) {
    await page.locator('.tokens [role="option"]').nth(token).hover();
    expect(await page.locator('[data-cell="expert"]').allTextContents()).toEqual(
      moeLayers.map(({ experts }) => String(experts[token])),
    );
    const gates = await page.locator('[data-cell="gate"]').allTextContents();
    for (const [index, { gates: expected }] of moeLayers.entries()) {
      expect(Number(gates[index]) / (expected[token] as number)).toBeCloseTo(1, 2);
    }
    for (const { layer, hiddenAttention } of attentionLayers.slice(-2)) {
      await page.locator(".inside select").selectOption(String(layer));
      const shown = (await page.locator('[data-cell="weight"]').allTextContents()).map(Number);
      const row = [...hiddenAttention.subarray(token * ids.length, token * ids.length + token + 1)];
      const strongest = row.sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, 8);
      expect(shown).toEqual(strongest.map((weight) => Number(weight.toExponential(3))));
    }
  }
  // The picture is there: its diagonal and what is left of it have colours, what is right of it has none.
  const opacities = await page.locator(".attention canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { width, height } = canvas;
    const { data } = (canvas.getContext("2d") as CanvasRenderingContext2D).getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, cell) => data[cell * 4 + 3] as number);
  });
  expect(opacities).toHaveLength(ids.length ** 2);
  for (let token = 0; token < ids.length; token++) {
    const row = opacities.slice(token * ids.length, (token + 1) * ids.length);
    expect(Math.max(...row.slice(0, token + 1))).toBe(255);
    expect(Math.max(0, ...row.slice(token + 1))).toBe(0);
  }

  await page.getByRole("button", { name: "Measure" }).click();
  await page.locator(".charts").waitFor();
  const kernels = await numbers(page, /Milliseconds of one token/);
  expect(kernels.length).toBeGreaterThan(5);
  expect(kernels.reduce((sum, [, calls]) => sum + Number(calls), 0)).toBe((await model.profile()).kernels.length);
  expect((await numbers(page, /Memory on the device/))[0]).toEqual(["weights", formatBytes(model.byteLength.total)]);
  expect((await numbers(page, /Tokens per second/)).length).toBeGreaterThan(1);
});

/** What a hub tells browsers, so that any page may read it. */
const OPEN_TO_ALL = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*" };

/** Keeps the device that a worker opens, so that a test can take it away. */
const KEEP_DEVICE = `
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    globalThis.lastDevice = await requestDevice.apply(this, args);
    return globalThis.lastDevice;
  };
`;

test("a text goes on when the GPU goes away", async () => {
  const page = await open(playground);
  await page.route(/\/entry-[^/]+\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${KEEP_DEVICE}${await response.text()}` });
  });
  await loadChosen(page, "webgpu");
  await setSampling(page, { ...GREEDY, "Most tokens": "60" });
  const text = write(page, PROMPT);
  await page.waitForFunction(() => /\d\d tokens/.test(document.querySelector(".figures")?.textContent ?? ""));
  await page.workers()[0]?.evaluate(() => (globalThis as unknown as { lastDevice: GPUDevice }).lastDevice.destroy());
  expect(await text).toBe(textOf(await inNode(model, PROMPT, 60)));
  expect(await page.locator(".notice").textContent()).toMatch(/^The GPU went away/);
});

describe("a model that the visitor has", () => {
  const golden = (file: string) =>
    fileURLToPath(new URL(`../../../fixtures/golden/blackmamba/${file}`, import.meta.url));

  test("loads when its .bin is dropped, and takes ids where there is no tokenizer", async () => {
    const page = await open(playground);
    const names = ["config.json", "pytorch_model.bin"];
    await drop(page, await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(golden(name)) }))));
    await loaded(page);
    await setSampling(page, { "Most tokens": "12", Temperature: "0" });
    const own = await BlackMamba.load(golden(""), { device: "cpu" });
    const expected = await inNode(own, [5, 17, 3], 12);
    await own.dispose();
    expect((await write(page, "5 17 3")).trim().split(" ").map(Number)).toEqual(expected.map(({ id }) => id));
  });

  test("loads by its name on a hub, and is fetched once", async () => {
    const files = ["config.json", "pytorch_model.bin"].map(
      async (name) => [name, await readFile(golden(name))] as const,
    );
    const hub = createFakeHub({ models: { "someone/small": Object.fromEntries(await Promise.all(files)) } });
    const page = await open(playground);
    await page.context().route("https://huggingface.co/**", async (route) => {
      const request = route.request();
      const response = await hub.fetch(request.url(), {
        method: request.method(),
        headers: await request.allHeaders(),
      });
      const headers = { ...Object.fromEntries(response.headers), ...OPEN_TO_ALL };
      await route.fulfill({ status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) });
    });
    const own = await BlackMamba.load(golden(""), { device: "cpu" });
    const expected = (await inNode(own, [5, 17, 3], 12)).map(({ id }) => id);
    await own.dispose();
    const fetched = async (visit: Page) => {
      await visit.getByLabel("From a hub or an address").check();
      await visit.getByLabel("Name on the hub, or address of the folder").fill("someone/small");
      const before = hub.requests.length;
      await loadChosen(visit, "cpu");
      await setSampling(visit, { "Most tokens": "12", Temperature: "0" });
      expect((await write(visit, "5 17 3")).trim().split(" ").map(Number)).toEqual(expected);
      return hub.requests.slice(before).filter((request) => request.includes("pytorch_model.bin"));
    };
    expect(await fetched(page)).not.toEqual([]);
    expect((await fetched(await open(playground, {}, page))).filter((request) => request.startsWith("GET"))).toEqual(
      [],
    );
  });

  test("says what is missing", async () => {
    const page = await open(playground);
    await drop(page, [{ name: "pytorch_model.bin", bytes: await readFile(golden("pytorch_model.bin")) }]);
    const failure = page.locator(".picker .failure");
    await failure.waitFor();
    expect(await failure.textContent()).toMatch(/config\.json is missing/);
    // And the page goes on.
    await page.getByLabel("Storyteller, 28 MB").check();
    await loadChosen(page, "cpu");
  });
});

test("without a GPU the processor is taken, and the page says so", async () => {
  const page = await open(playground);
  await loadChosen(page, "auto");
  expect(await page.locator(".notice").textContent()).toMatch(/^Running on the processor\. /);
});

test("where memory may be shared, it is, and the text is the same", async () => {
  const page = await open(`${isolatedUrl}playground.html`);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await loadChosen(page, "cpu");
  await setSampling(page, GREEDY);
  expect(await write(page, PROMPT)).toBe(textOf(await inNode(model, PROMPT, 40)));
});

test("two tabs write at once, one of them in the background", async () => {
  const first = await open(playground);
  await loadChosen(first, "cpu");
  await setSampling(first, { ...GREEDY, "Most tokens": "200" });
  const second = await open(playground, {}, first);
  await loadChosen(second, "webgpu");
  await setSampling(second, GREEDY);
  await second.bringToFront();
  const texts = await Promise.all([write(first, PROMPT), write(second, PROMPT)]);
  expect(texts).toEqual([textOf(await inNode(model, PROMPT, 200)), textOf(await inNode(model, PROMPT, 40))]);
});

test("loading can be ended, and begun again", async () => {
  const page = await open(playground);
  await page.getByRole("button", { name: "Load", exact: true }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Load", exact: true }).waitFor();
  expect(await page.locator(".picker .failure").count()).toBe(0);
  await loadChosen(page, "cpu");
});

test("the home page tells a story", async () => {
  const page = await open(url);
  await page.getByRole("button", { name: "Tell the story" }).click();
  await page.getByRole("button", { name: "Tell another" }).waitFor({ timeout: 60_000 });
  const story = (await page.locator(".story").textContent()) ?? "";
  expect(story.length).toBeGreaterThan(100);
});
