import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cacheFolderOf, hubSettingsOf } from "./environment.node.ts";

describe("cacheFolderOf", () => {
  it.each([
    [{}, join(homedir(), ".cache", "huggingface", "hub")],
    [{ XDG_CACHE_HOME: "/x" }, join("/x", "huggingface", "hub")],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/h" }, join("/h", "hub")],
    [{ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" }, "/old"],
    [{ HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" }, "/new"],
    [{ HF_HUB_CACHE: "", HF_HOME: "/h" }, join("/h", "hub")],
    [{ HF_HUB_CACHE: "~/models" }, `${homedir()}/models`],
    [{ HF_HUB_CACHE: "~" }, homedir()],
    [{ HF_HUB_CACHE: "~other/models" }, "~other/models"],
    [{ HF_HOME: "~/hf" }, join(homedir(), "hf", "hub")],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a user would write.
    [{ HF_HUB_CACHE: "$DISK/a/${USER_NAME}/$NONE", DISK: "/d", USER_NAME: "u" }, "/d/a/u/$NONE"],
  ])("of %j is %s", (env, folder) => {
    expect(cacheFolderOf(env)).toBe(folder);
  });
});

describe("hubSettingsOf", () => {
  const saved = async (token: string) => {
    const folder = await mkdtemp(join(tmpdir(), "hub-home-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "token"), token);
    return folder;
  };

  it("asks huggingface.co, with no token, unless told otherwise", async () => {
    const none = { HF_HOME: join(tmpdir(), "not-there") };
    const settings = { endpoint: "https://huggingface.co", token: undefined, isOffline: false };
    expect(await hubSettingsOf(none)).toEqual(settings);
    expect(await hubSettingsOf({ ...none, HF_ENDPOINT: "https://hub.test//" })).toEqual({
      ...settings,
      endpoint: "https://hub.test",
    });
  });

  it.each(["1", "ON", "yes", "True"])("is offline with %s", async (value) => {
    expect((await hubSettingsOf({ HF_HUB_OFFLINE: value })).isOffline).toBe(true);
    expect((await hubSettingsOf({ TRANSFORMERS_OFFLINE: value })).isOffline).toBe(true);
    expect((await hubSettingsOf({ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: value })).isOffline).toBe(false);
  });

  it("takes the token of the environment, else the one that was saved, without line ends", async () => {
    const HF_HOME = await saved(" hf_saved\r\n");
    const tokenOf = async (env: Record<string, string>) => (await hubSettingsOf(env)).token;
    expect(await tokenOf({ HF_HOME })).toBe("hf_saved");
    expect(await tokenOf({ HF_HOME, HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_old");
    expect(await tokenOf({ HF_HOME, HUGGING_FACE_HUB_TOKEN: "hf_old", HF_TOKEN: "hf_new\n" })).toBe("hf_new");
    expect(await tokenOf({ HF_HOME, HF_TOKEN: " " })).toBe("hf_saved");
    expect(await tokenOf({ HF_TOKEN_PATH: "$PLACE/token", PLACE: HF_HOME })).toBe("hf_saved");
    expect(await tokenOf({ HF_HOME, HF_TOKEN: "hf_new", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBe(undefined);
  });
});
