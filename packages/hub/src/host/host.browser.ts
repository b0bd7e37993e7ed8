/** A browser: no environment, the origin private file system. */
import { createBrowserCache } from "../cache/browser-cache.ts";
import { createHasher } from "./hasher.browser.ts";
import type { Host } from "./host.ts";

export const host: Host = {
  hubSettings: async () => ({ endpoint: "https://huggingface.co", token: undefined, isOffline: false }),
  openCache: createBrowserCache,
  createHasher,
};
