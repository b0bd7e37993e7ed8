/**
 * The playground as a visitor finds it, in a headless Chromium: what tests do there, in a visitor's words.
 */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import {
  chromiumOptions,
  isSoftwareAdapterSupported,
  prepareSoftwareAdapter,
} from "../../../scripts/software-adapter.mjs";

/** What is remembered of a page until its test has ended. */
interface OpenPage {
  readonly context: BrowserContext;
  readonly complaints: string[];
}

/** Starts a browser for a file of tests. Each test ends with no complaint on any console, or fails. */
export function useBrowser(): {
  /** Opens a page of the site in a profile of its own, or in that of another page. */
  open(url: string, options?: Parameters<Browser["newContext"]>[0], beside?: Page): Promise<Page>;
} {
  let browser: Browser;
  const pages: OpenPage[] = [];

  beforeAll(async () => {
    const software = isSoftwareAdapterSupported() ? await prepareSoftwareAdapter() : undefined;
    browser = await chromium.launch(chromiumOptions(software));
  });

  afterEach(async () => {
    const complaints = pages.flatMap((page) => page.complaints);
    await Promise.all([...new Set(pages.map(({ context }) => context))].map((context) => context.close()));
    pages.length = 0;
    expect(complaints).toEqual([]);
  });

  afterAll(() => browser?.close());

  return {
    async open(url, options, beside) {
      const context = beside?.context() ?? (await browser.newContext(options));
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning")
          complaints.push(`${message.type()}: ${message.text()}`);
      });
      page.on("pageerror", (error) => complaints.push(`thrown: ${error.stack ?? error.message}`));
      pages.push({ context, complaints });
      await page.goto(url);
      return page;
    },
  };
}

/** Loads what is chosen, the storyteller to begin with, and waits until it is there. */
export async function loadChosen(page: Page, device: "auto" | "webgpu" | "cpu"): Promise<void> {
  await page.getByLabel("Device").selectOption(device);
  await page.getByRole("button", { name: "Load", exact: true }).click();
  await loaded(page);
}

/** Waits until a model is there. */
export async function loaded(page: Page): Promise<void> {
  await page.locator(".loaded, .picker .failure").first().waitFor({ timeout: 60_000 });
  expect(await page.locator(".picker .failure").allTextContents()).toEqual([]);
}

/** Settings by the labels of their controls. */
export async function setSampling(page: Page, settings: Readonly<Record<string, string>>): Promise<void> {
  const details = page.locator("details.sampling");
  if (!(await details.evaluate((element: HTMLDetailsElement) => element.open)))
    await details.locator("summary").click();
  for (const [label, value] of Object.entries(settings)) {
    const control = page.getByLabel(label, { exact: true });
    await control.fill(value);
    await control.blur();
  }
}

/** Writes a text to its end; the result is what was written after the prompt. */
export async function write(page: Page, prompt: string): Promise<string> {
  await page.getByLabel(/^Prompt/).fill(prompt);
  await page.getByRole("button", { name: /^Write/ }).click();
  await page.locator('.figures[data-status="done"]').waitFor({ timeout: 60_000 });
  return written(page);
}

/** What was written by now. */
export async function written(page: Page): Promise<string> {
  return (await page.locator('[data-part="written"]').textContent()) ?? "";
}

/** Tokens that were written by now, as the page says. */
export async function tokenCount(page: Page): Promise<number> {
  return Number(/(\d+) tokens/.exec((await page.locator(".figures").textContent()) ?? "")?.[1] ?? 0);
}

/** Drops files on the page, as from a folder. */
export async function drop(
  page: Page,
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<void> {
  const encoded = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString("base64") }));
  await page.evaluate((dropped) => {
    const dataTransfer = new DataTransfer();
    for (const { name, base64 } of dropped) {
      dataTransfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name));
    }
    for (const type of ["dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    }
  }, encoded);
}

/** The cells of a chart's table of numbers, by rows. */
export async function numbers(page: Page, label: RegExp): Promise<string[][]> {
  const figure = page.locator("figure").filter({ has: page.locator("figcaption", { hasText: label }) });
  return figure
    .locator("tbody tr")
    .evaluateAll((rows) =>
      rows.map((row) => Array.from((row as HTMLTableRowElement).cells, (cell) => cell.textContent?.trim() ?? "")),
    );
}
