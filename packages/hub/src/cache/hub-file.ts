/** A file of a model on a hub, as the hub describes it. */
import type { FileHash } from "../download/hash.ts";

/** A file of one revision of a model. */
export interface HubFile {
  /** The model's name, such as `"Zyphra/BlackMamba-1.5B"`. */
  readonly model: string;
  /** The revision: 40 hexadecimal digits. */
  readonly commit: string;
  /** Within the model, such as `"config.json"`. */
  readonly path: string;
  readonly byteLength: number;
  readonly hash: FileHash;
}

/** What a revision of a model is made of. */
export interface HubListing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}
