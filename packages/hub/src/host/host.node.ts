/** Node: the environment's settings, the standard cache folder. */
import { createNodeCache } from "../cache/node-cache.node.ts";
import { cacheFolderOf, hubSettingsOf } from "./environment.node.ts";
import { createHasher } from "./hasher.node.ts";
import type { Host } from "./host.ts";

export const host: Host = {
  hubSettings: () => hubSettingsOf(process.env),
  openCache: async (folder) => createNodeCache(folder ?? cacheFolderOf(process.env)),
  createHasher,
};
