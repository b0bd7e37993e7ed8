/** The built folder below an address it was not built for: pages, their way from one to another, search, an unknown address. */
import { expect, inject, test } from "vitest";
import { useBrowser } from "./playground-page.ts";

const { url } = inject("site");
const { open } = useBrowser();

test("links lead where they should, also after some pages without a load", async () => {
  const page = await open(`${url}guides/node.html`);
  await page.evaluate(() => Object.assign(globalThis, { isSameDocument: true }));
  const navigation = page.getByRole("navigation", { name: "Main Navigation" });
  // Deeper, back up, and to another depth: the bar is the one that the first page had.
  await navigation.getByRole("link", { name: "API" }).click();
  await page.getByRole("heading", { name: "API", level: 1 }).waitFor();
  expect(page.url()).toBe(`${url}api/`);
  await page.locator("main").getByRole("link", { name: "@blackmamba/model", exact: true }).click();
  await page.locator("main").getByRole("link", { name: "BlackMamba", exact: true }).click();
  await page.getByRole("heading", { name: "Class: BlackMamba" }).waitFor();
  expect(page.url()).toBe(`${url}api/model/classes/BlackMamba.html`);
  await navigation.getByRole("link", { name: "Project" }).click();
  await page.getByRole("heading", { name: "Architecture", level: 1 }).waitFor();
  await page.locator(".VPNavBarTitle a").click();
  await page.locator(".VPHero").waitFor();
  expect(page.url()).toBe(url);
  expect(await page.evaluate(() => "isSameDocument" in globalThis)).toBe(true);
});

test.each([
  ["onDeviceLost", /api\/model\/interfaces\/LoadOptions\.html#ondevicelost$/],
  ["Hidden attention", /guides\/how-it-works\.html#hidden-attention$/],
])("search finds %s", async (query, address) => {
  const page = await open(`${url}guides/node.html`);
  await page.getByRole("button", { name: "Search" }).click();
  await page.locator(".VPLocalSearchBox input").fill(query);
  const results = page.locator(".VPLocalSearchBox a.result");
  await results.first().waitFor();
  const addresses = await results.evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).href));
  const found = addresses.find((each) => address.test(each)) ?? "";
  expect(found).toMatch(address);
  await results.nth(addresses.indexOf(found)).click();
  await page.waitForURL(found);
});

test("equations are drawn", async () => {
  const page = await open(`${url}guides/how-it-works.html`);
  expect(await page.locator("mjx-container svg").count()).toBeGreaterThan(20);
});

test("an address that there is not, further down, leads to the page that says so", async () => {
  const missing = `${url}no/such/page.html`;
  const page = await (await open(url)).context().newPage();
  // As servers do that show a page of the site's own.
  const body = await (await fetch(`${url}404.html`)).text();
  await page.route(missing, (route) => route.fulfill({ status: 404, contentType: "text/html", body }));
  await page.goto(missing);
  await page.waitForURL(`${url}404.html`);
  await page.getByText("Take me home").click();
  await page.waitForURL(url);
});
