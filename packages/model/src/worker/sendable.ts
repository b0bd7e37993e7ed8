/**
 * What a page gives to a model's worker, checked, and so that it means the same there.
 */
import { OptionError } from "../errors.ts";
import type { GenerateOptions } from "../generate/generate.ts";
import { isFiles } from "../source/files.ts";
import type { ModelParts, ModelSource } from "../source/open-model.ts";
import { pageAddress } from "../source/page-address.ts";
import { isSource } from "../source/read-json.ts";

/**
 * A source for a worker: addresses are seen from the page, and parts are what can be copied.
 *
 * @throws OptionError for a part that is a range source
 */
export function sendableSource(source: ModelSource): ModelSource {
  if (typeof source === "string") return pageAddress(source) ?? source;
  if (isFiles(source)) return source instanceof File ? source : Array.from(source);
  // What is none is refused in the worker.
  if (typeof source !== "object" || source === null || !("weights" in source)) return source;
  const parts = Object.entries(source).map(([name, part]) => [name, sendablePart(name, part)] as const);
  return Object.fromEntries(parts) as unknown as ModelParts;
}

/** @throws OptionError for a device: it belongs to the page */
export function checkDevice(device: unknown): void {
  if (device === undefined || typeof device === "string") return;
  throw new OptionError("device", '"auto", "webgpu" or "cpu", which a worker opens itself', device);
}

/** Options of generations that have to do with what is on the model's own side: its device, or its loop. */
export type UnsendableOption = Extract<keyof GenerateOptions, "state" | "cache" | "logitProcessors">;

const UNSENDABLE: readonly UnsendableOption[] = ["state", "cache", "logitProcessors"];

/** @throws OptionError naming one that cannot be given to a worker, whatever the types say */
export function checkOptions(options: object | undefined): void {
  const given: { readonly [name in UnsendableOption]?: unknown } & Pick<GenerateOptions, "draft"> = options ?? {};
  for (const name of UNSENDABLE) if (given[name] !== undefined) refuse(name);
  if (given.draft && "model" in given.draft) refuse("draft.model");
}

function refuse(name: string): never {
  throw new OptionError(
    name,
    "none, as it cannot be given to a worker",
    "one; load the model with BlackMamba from @blackmamba/model for it",
  );
}

function sendablePart(name: string, part: unknown): unknown {
  if (Array.isArray(part)) return part.map((each) => sendablePart(name, each));
  if (isSource(part)) {
    throw new OptionError(name, "a Blob or bytes, which can be copied into a worker", "a range source");
  }
  // A message takes an array's memory along, all of it; and memory that is shared may change while it is read.
  const isView = part instanceof Uint8Array;
  if (isView && (part.byteLength < part.buffer.byteLength || !(part.buffer instanceof ArrayBuffer)))
    return part.slice();
  return part;
}
