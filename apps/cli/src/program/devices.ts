import type { Command } from "commander";
import { type DevicesOptions, devices } from "../commands/devices.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";

/** `blackmamba devices`. */
export function addDevices(program: Command, io: Io, library: Library): void {
  program
    .command("devices")
    .description("list what this machine offers, and why something is not usable")
    .option("--json", "print one JSON array")
    .addHelpText(
      "after",
      `
Examples:
  $ blackmamba devices
  $ blackmamba devices --json`,
    )
    .action((options: DevicesOptions) => devices(options, io, library));
}
