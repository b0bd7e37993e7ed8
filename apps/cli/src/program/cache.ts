import type { Command } from "commander";
import { type CacheListOptions, listCache, removeFromCache, verifyCache } from "../commands/cache.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";

/** `blackmamba cache`. */
export function addCache(program: Command, io: Io, library: Library): void {
  const cache = program
    .command("cache")
    .description("the models from a hub that are kept on this machine")
    .addHelpText(
      "after",
      `
They lie where other tools keep theirs: in HF_HUB_CACHE, else ~/.cache/huggingface/hub.

Examples:
  $ blackmamba cache list
  $ blackmamba cache verify
  $ blackmamba cache remove Zyphra/BlackMamba-2.8B`,
    );
  cache
    .command("list")
    .description("show which models there are, and how large they are")
    .option("--json", "print one JSON array")
    .addHelpText("after", "\nExample:\n  $ blackmamba cache list --json")
    .action((options: CacheListOptions) => listCache(options, io, library));
  cache
    .command("verify")
    .description("hold every file against the hash it was published with")
    .argument("[names...]", "models, as owner/name (default: all)")
    .addHelpText("after", "\nExample:\n  $ blackmamba cache verify Zyphra/BlackMamba-1.5B")
    .action((names: string[]) => verifyCache(names, io, library));
  cache
    .command("remove")
    .description("delete models, with what was begun of them")
    .argument("<names...>", "models, as owner/name")
    .addHelpText("after", "\nExample:\n  $ blackmamba cache remove Zyphra/BlackMamba-2.8B")
    .action((names: string[]) => removeFromCache(names, io, library));
}
