/**
 * A model by its name on a hub.
 */
import { type HubOptions, isHubName, openHubFolder } from "@blackmamba/hub";
import { ModelFileError } from "../errors.ts";
import type { Located } from "./locate.ts";

/** The model's folder; nothing where this is no model's name. */
export async function locateOnHub(source: string, options: HubOptions): Promise<Located | undefined> {
  if (!isHubName(source)) return undefined;
  const open = (name: string) => openHubFolder(name, options);
  try {
    return { folder: await open(source), neighbour: open };
  } catch (cause) {
    options.signal?.throwIfAborted();
    // It may have been meant as a path.
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ModelFileError(`${source}: there is no such folder here; on the hub: ${message}`, { cause });
  }
}
