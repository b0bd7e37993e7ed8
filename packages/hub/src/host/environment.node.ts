/** The environment's settings, as Python's `huggingface_hub` reads them. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { HubSettings } from "./host.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What is set to nothing is not set. */
function settingOf(env: Environment, ...names: string[]): string | undefined {
  for (const name of names) if (env[name]) return env[name];
  return undefined;
}

function isTrue(env: Environment, ...names: string[]): boolean {
  return /^(1|on|yes|true)$/i.test(settingOf(env, ...names) ?? "");
}

/** A path with `~` in front, or `$NAME` and `${NAME}` anywhere. */
function expand(env: Environment, path: string): string {
  const home = path.replace(/^~(?=[\\/]|$)/, () => homedir());
  return home.replace(/\$(?:(\w+)|\{(\w+)\})/g, (text, bare, braced) => env[bare ?? braced] ?? text);
}

/** `~/.cache/huggingface`, unless the environment says otherwise. */
function hubHome(env: Environment): string {
  const caches = settingOf(env, "XDG_CACHE_HOME") ?? join(homedir(), ".cache");
  return expand(env, settingOf(env, "HF_HOME") ?? join(caches, "huggingface"));
}

/** The folder of the cache. */
export function cacheFolderOf(env: Environment): string {
  return expand(env, settingOf(env, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? join(hubHome(env), "hub"));
}

/** Where the hub is, and who asks. */
export async function hubSettingsOf(env: Environment): Promise<HubSettings> {
  return {
    endpoint: (settingOf(env, "HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
    token: isTrue(env, "HF_HUB_DISABLE_IMPLICIT_TOKEN") ? undefined : await tokenOf(env),
    isOffline: isTrue(env, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
  };
}

async function tokenOf(env: Environment): Promise<string | undefined> {
  const given = clean(settingOf(env, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"));
  if (given) return given;
  const path = expand(env, settingOf(env, "HF_TOKEN_PATH") ?? join(hubHome(env), "token"));
  return clean(await readFile(path, "utf8").catch(() => undefined));
}

/** Without line ends, which no header may have. */
function clean(token: string | undefined): string | undefined {
  return token?.replace(/[\r\n]/g, "").trim() || undefined;
}
