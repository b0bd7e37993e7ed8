/** `blackmamba devices`: what this machine offers, and why something is not usable. Opens no device. */

import type { DeviceListing } from "@blackmamba/model";
import { abortable, type Io } from "../io.ts";
import type { Library } from "../library.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatCount } from "../output/units.ts";

export interface DevicesOptions {
  readonly json?: boolean | undefined;
}

export async function devices(options: DevicesOptions, io: Io, library: Library): Promise<void> {
  const listings = await abortable(library.listDevices(), io.signal);
  io.stdout.write(options.json === true ? `${JSON.stringify(listings)}\n` : format(listings));
}

function format(listings: readonly DeviceListing[]): string {
  const rows = listings.map((device) => [
    device.default ? "*" : "",
    device.kind,
    device.name,
    device.usable ? "usable" : "not usable",
    device.reason.replaceAll(/\s*\n\s*/g, " "),
  ]);
  const details = listings.flatMap(({ kind, name, limits = {}, features = [] }) => {
    const facts = Object.entries(limits).map(([limit, value]) => [limit, formatLimit(limit, value)]);
    if (features.length > 0) facts.push(["features", features.join(", ")]);
    return facts.length > 0 ? [`\n${kind}: ${name}\n${formatTable(facts, ["left", "left"])}`] : [];
  });
  return [
    formatTable(rows, ["left", "left", "left", "left", "left"]),
    "\n* what --device auto takes\n",
    ...details,
  ].join("");
}

function formatLimit(limit: string, value: number): string {
  return limit.endsWith("Size") ? formatBytes(value) : formatCount(value);
}
