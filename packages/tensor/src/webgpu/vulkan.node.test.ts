import { describe, expect, test } from "vitest";
import { type Machine, whyNoVulkan } from "./vulkan.node.ts";

/** A machine with these files and nothing else. */
function machine(files: Readonly<Record<string, string>>, env: Machine["env"] = {}): Machine {
  const paths = Object.keys(files);
  return {
    env: { HOME: "/home/me", ...env },
    arch: "x64",
    exists: (path) => paths.includes(path),
    read: (path) => files[path],
    list: (folder) =>
      paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1)),
  };
}

/** A driver's manifest. */
const manifest = (library: string): string => JSON.stringify({ ICD: { library_path: library } });

const loader = { "/usr/lib/x86_64-linux-gnu/libvulkan.so.1": "" };
const driver = { "/usr/share/vulkan/icd.d/gpu.json": manifest("/usr/lib/libgpu.so"), "/usr/lib/libgpu.so": "" };

describe("the loader", () => {
  test("is missing: said with the cure, in one line", () => {
    const reason = whyNoVulkan(machine(driver));
    expect(reason).toMatch(/loader libvulkan\.so\.1.*not installed.*libvulkan1.*LD_LIBRARY_PATH/);
    expect(reason).not.toContain("\n");
  });

  test.each(["/lib/libvulkan.so.1", "/usr/lib64/libvulkan.so.1", "/lib/x86_64-linux-gnu/libvulkan.so.1"])(
    "is found in a folder that is always searched: %s",
    (path) => {
      expect(whyNoVulkan(machine({ ...driver, [path]: "" }))).toBeUndefined();
    },
  );

  test("is found in LD_LIBRARY_PATH", () => {
    const files = { ...driver, "/opt/b/libvulkan.so.1": "" };
    expect(whyNoVulkan(machine(files, { LD_LIBRARY_PATH: "/opt/a:/opt/b" }))).toBeUndefined();
    expect(whyNoVulkan(machine(files, { LD_LIBRARY_PATH: "/opt/a;/opt/b" }))).toBeUndefined();
    expect(whyNoVulkan(machine(files, { LD_LIBRARY_PATH: ":/opt/a" }))).toContain("libvulkan.so.1");
  });

  test("is found through the linker's cache, unless it has gone since", () => {
    const cache = { "/etc/ld.so.cache": "glibc-ld.so.cache1.1\x02\0libvulkan.so.1\0/opt/vk/libvulkan.so.1\0libx.so\0" };
    expect(whyNoVulkan(machine({ ...driver, ...cache, "/opt/vk/libvulkan.so.1": "" }))).toBeUndefined();
    expect(whyNoVulkan(machine({ ...driver, ...cache }))).toContain("libvulkan.so.1");
    expect(whyNoVulkan(machine({ ...driver, "/etc/ld.so.cache": "/opt/notlibvulkan.so.1\0" }))).toBeDefined();
  });
});

describe("the driver", () => {
  test("is missing", () => {
    expect(whyNoVulkan(machine(loader))).toMatch(/driver.*\(no manifest in .*\).*mesa-vulkan-drivers.*VK_DRIVER_FILES/);
  });

  test.each([
    [
      "that names a library that is gone",
      manifest("libGLX_gone.so.0"),
      "gpu.json names libGLX_gone.so.0, which is not",
    ],
    ["that names none", "{}", "gpu.json names no library"],
    ["that is no JSON", "{", "gpu.json names no library"],
  ])("has a manifest %s", (_, text, words) => {
    expect(whyNoVulkan(machine({ ...loader, "/etc/vulkan/icd.d/gpu.json": text }))).toContain(words);
  });

  test.each([
    ["an absolute path", "/opt/gpu/libgpu.so", "/opt/gpu/libgpu.so"],
    ["a path beside the manifest", "./libgpu.so", "/etc/vulkan/icd.d/./libgpu.so"],
    ["a name for the linker", "libgpu.so.0", "/usr/lib/libgpu.so.0"],
  ])("is named by %s", (_, library, path) => {
    const files = { ...loader, "/etc/vulkan/icd.d/gpu.json": manifest(library), [path]: "" };
    expect(whyNoVulkan(machine(files))).toBeUndefined();
  });

  test("one that works is enough", () => {
    const files = { ...loader, ...driver, "/etc/vulkan/icd.d/broken.json": manifest("gone.so") };
    expect(whyNoVulkan(machine(files))).toBeUndefined();
  });

  test.each([
    [{}, "/home/me/.local/share/vulkan/icd.d"],
    [{ XDG_DATA_HOME: "/data" }, "/data/vulkan/icd.d"],
    [{ XDG_DATA_DIRS: "/a:/b" }, "/b/vulkan/icd.d"],
    [{ VK_ADD_DRIVER_FILES: "/more" }, "/more"],
    [{ VK_DRIVER_FILES: "/mine" }, "/mine"],
    [{ VK_ICD_FILENAMES: "/old/gpu.json" }, "/old"],
  ])("is looked for where the loader looks: %j", (env, folder) => {
    const files = { ...loader, [`${folder}/gpu.json`]: manifest("/usr/lib/libgpu.so"), "/usr/lib/libgpu.so": "" };
    expect(whyNoVulkan(machine(files, env))).toBeUndefined();
  });

  test("is that of VK_DRIVER_FILES and no other, where it is set", () => {
    const files = { ...loader, ...driver };
    expect(whyNoVulkan(machine(files, { VK_DRIVER_FILES: "/mine/gpu.json" }))).toContain(
      "/mine/gpu.json cannot be read",
    );
  });
});
