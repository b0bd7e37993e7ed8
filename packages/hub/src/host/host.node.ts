/** Node: the environment's settings, the standard cache folder. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeCache } from "../cache/node-cache.node.ts";
import { openPartialFile } from "../cache/node-partial-file.node.ts";
import { createHasher } from "./hasher.node.ts";
import type { Host } from "./host.ts";

const env = (name: string) => process.env[name] || undefined;

/** `~/.cache/huggingface`, unless the environment says otherwise. */
const hubHome = () => env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");

export const host: Host = {
  async hubSettings() {
    const tokenPath = env("HF_TOKEN_PATH") ?? join(hubHome(), "token");
    const saved = await readFile(tokenPath, "utf8").then(
      (text) => text.trim(),
      () => "",
    );
    return {
      endpoint: (env("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
      token: env("HF_TOKEN") ?? (saved || undefined),
      isOffline: /^(1|on|yes|true)$/i.test(env("HF_HUB_OFFLINE") ?? ""),
    };
  },
  openCache: async (folder) =>
    createNodeCache(folder ?? env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE") ?? join(hubHome(), "hub")),
  createHasher,
  async temporaryFile() {
    const folder = await mkdtemp(join(tmpdir(), "blackmamba-"));
    const file = await openPartialFile(join(folder, "file"), Number.POSITIVE_INFINITY, async () => {});
    const remove = () => rm(folder, { recursive: true, force: true });
    return {
      get byteLength() {
        return file.byteLength;
      },
      append: (bytes) => file.append(bytes),
      read: (byteOffset, byteLength) => file.read(byteOffset, byteLength),
      finish: async () => {},
      discard: () => file.close().finally(remove),
      close: () => file.close().finally(remove),
    };
  },
};
