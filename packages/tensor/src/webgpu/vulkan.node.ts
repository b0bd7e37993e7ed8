/**
 * Whether Dawn can reach a GPU on Linux, found out before Dawn is asked: without a Vulkan loader or driver it finds
 * nothing, and writes warnings to standard error that cannot be caught. Not here: whether the driver finds a GPU.
 *
 * Folders and variables are those of the dynamic linker (ld.so(8)) and of the Vulkan loader (LoaderDriverInterface.md).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** What is asked of a machine. Handed in, so that a test can make one up. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As in `process.arch`. */
  readonly arch: string;
  exists(path: string): boolean;
  /** The file's bytes, each as one character; `undefined` if it cannot be read. */
  read(path: string): string | undefined;
  /** Names in a folder; none if it cannot be read. */
  list(folder: string): string[];
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  env: process.env,
  arch: process.arch,
  exists: existsSync,
  read: (path) => attempt(() => readFileSync(path, "latin1")),
  list: (folder) => attempt(() => readdirSync(folder).sort()) ?? [],
};

const LOADER = "libvulkan.so.1";

/** Debian's names of the folders that hold one architecture's libraries. */
const MULTIARCH: Readonly<Record<string, string>> = {
  x64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/** Why Vulkan cannot be used, and the cure; `undefined` if nothing speaks against it. */
export function whyNoVulkan(machine: Machine): string | undefined {
  if (!hasLibrary(machine, LOADER)) {
    return (
      `WebGPU needs the Vulkan loader ${LOADER}, which is not installed; ` +
      "to use a GPU, install it (Debian package libvulkan1) or name its folder in LD_LIBRARY_PATH"
    );
  }
  const faults = driverManifests(machine).map((path) => faultOf(machine, path));
  if (faults.includes(undefined)) return undefined;
  return (
    `WebGPU needs a Vulkan driver, and there is none (${faults[0] ?? "no manifest in vulkan/icd.d"}); ` +
    "to use a GPU, install its driver (Debian package mesa-vulkan-drivers, or NVIDIA's) or name it in VK_DRIVER_FILES"
  );
}

/** Would the dynamic linker find a library of this name? */
function hasLibrary({ env, arch, exists, read }: Machine, name: string): boolean {
  const folders = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];
  const multiarch = MULTIARCH[arch];
  if (multiarch) folders.push(`/lib/${multiarch}`, `/usr/lib/${multiarch}`);
  const places = [...pathList(env["LD_LIBRARY_PATH"]?.replaceAll(";", ":")), ...folders];
  if (places.some((folder) => exists(`${folder}/${name}`))) return true;
  // The cache is binary, with the paths in it as they are, each between two zero bytes. It may be out of date.
  const cached = read("/etc/ld.so.cache")?.split("\0") ?? [];
  return cached.some((path) => path.startsWith("/") && path.endsWith(`/${name}`) && exists(path));
}

/** The files that say where a Vulkan driver's library is. */
function driverManifests({ env, list }: Machine): string[] {
  const home = env["HOME"] ?? "";
  const folders = [
    env["XDG_CONFIG_HOME"] || `${home}/.config`,
    ...pathList(env["XDG_CONFIG_DIRS"] || "/etc/xdg"),
    // What loaders are built with, by distributions and by hand.
    ...["/etc", "/usr/local/etc", "/run/opengl-driver/share"],
    env["XDG_DATA_HOME"] || `${home}/.local/share`,
    ...pathList(env["XDG_DATA_DIRS"]),
    ...["/usr/local/share", "/usr/share"],
  ].map((folder) => `${folder}/vulkan/icd.d`);
  const only = pathList(env["VK_DRIVER_FILES"] || env["VK_ICD_FILENAMES"]);
  const places = only.length > 0 ? only : [...pathList(env["VK_ADD_DRIVER_FILES"]), ...folders];
  return places.flatMap((place) =>
    place.endsWith(".json")
      ? [place]
      : list(place)
          .filter((name) => name.endsWith(".json"))
          .map((name) => `${place}/${name}`),
  );
}

/** What is wrong with a manifest, or with the library it names; `undefined` if nothing is. */
function faultOf(machine: Machine, manifest: string): string | undefined {
  const text = machine.read(manifest);
  if (text === undefined) return `${manifest} cannot be read`;
  const library: unknown = attempt(() => JSON.parse(text).ICD.library_path);
  if (typeof library !== "string") return `${manifest} names no library`;
  const folder = manifest.slice(0, manifest.lastIndexOf("/"));
  const isThere = library.includes("/")
    ? machine.exists(library.startsWith("/") ? library : `${folder}/${library}`)
    : hasLibrary(machine, library);
  return isThere ? undefined : `${manifest} names ${library}, which is not there`;
}

function pathList(text: string | undefined): string[] {
  return (text ?? "").split(":").filter((path) => path !== "");
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
