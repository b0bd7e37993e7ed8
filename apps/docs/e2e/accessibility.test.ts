/** Whether everyone can use the site: what axe finds, a keyboard alone, a narrow screen, light and dark. */
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright";
import { describe, expect, inject, test } from "vitest";
import { loadChosen, setSampling, useBrowser, write } from "./playground-page.ts";

const { url } = inject("site");
const { open } = useBrowser();

/** What axe finds that keeps people from using a page. */
async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target.join(" ")}`));
}

/** Everything that the playground can show, shown. */
async function showAll(page: Page): Promise<void> {
  await loadChosen(page, "cpu");
  await setSampling(page, { "Most tokens": "60", Seed: "1" });
  await write(page, "Once upon a time");
  await page.getByRole("button", { name: "Measure" }).click();
  await page.getByRole("button", { name: "Look inside" }).click();
  await page.locator(".inside canvas").waitFor();
  await page.locator(".charts svg").first().waitFor();
  for (const summary of await page.locator("figure summary").all()) await summary.click();
}

describe.each(["light", "dark"] as const)("in %s", (colorScheme) => {
  test.each(["", "playground.html", "guides/node.html", "guides/how-it-works.html", "api/"])(
    "axe finds nothing serious on /%s",
    async (path) => {
      const page = await open(`${url}${path}`, { colorScheme });
      expect(await findings(page)).toEqual([]);
    },
  );

  test("axe finds nothing serious in the playground with all of it shown", async () => {
    const page = await open(`${url}playground.html`, { colorScheme });
    await showAll(page);
    expect(await findings(page)).toEqual([]);
  });
});

test.each(["", "playground.html", "guides/node.html", "architecture.html", "performance.html"])(
  "/%s fits a screen of 360 px",
  async (path) => {
    const page = await open(`${url}${path}`, { viewport: { width: 360, height: 740 } });
    if (path === "playground.html") await showAll(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(360);
  },
);

test("a keyboard is enough", async () => {
  const page = await open(`${url}playground.html`);
  /** Tabs on until an element with this name has the focus. */
  const tabTo = async (name: RegExp) => {
    for (let step = 0; step < 80; step++) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        const label =
          element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement
            ? element.labels?.[0]
            : undefined;
        return `${element?.getAttribute("aria-label") ?? label?.textContent ?? element?.textContent ?? ""}`.trim();
      });
      if (name.test(focused)) return;
    }
    throw new Error(`The focus never came to ${name}`);
  };
  await page.getByRole("button", { name: "Load", exact: true }).waitFor();
  await tabTo(/^Load$/);
  await page.keyboard.press("Enter");
  await page.locator(".loaded").waitFor({ timeout: 60_000 });
  await tabTo(/^Prompt/);
  await page.keyboard.press("Control+A");
  await page.keyboard.type("The dog was");
  await page.keyboard.press("Control+Enter");
  await page.locator('.figures[data-status="done"]').waitFor({ timeout: 60_000 });
  await tabTo(/^Look inside$/);
  await page.keyboard.press("Enter");
  await page.locator(".inside canvas").waitFor();
  const chosen = () =>
    page
      .locator('[role="option"][aria-selected="true"]')
      .evaluate((option) => [...(option.parentElement?.children ?? [])].indexOf(option));
  const last = await chosen();
  await page.evaluate(() => document.querySelector<HTMLElement>('[role="option"][tabindex="0"]')?.focus());
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  expect(await chosen()).toBe(last - 2);
  await page.keyboard.press("Home");
  expect(await chosen()).toBe(0);
});
