/** `blackmamba info`: what a model is, read from its configuration and tensor table. Loads no weights. */

import type { ModelDescription } from "@blackmamba/model";
import { abortable, type Io } from "../io.ts";
import type { Library } from "../library.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatCount } from "../output/units.ts";

export interface InfoOptions {
  readonly model?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function info(options: InfoOptions, io: Io, library: Library): Promise<void> {
  const folder = options.model ?? (await library.defaultModelFolder());
  const description = await abortable(library.describeModel(folder), io.signal);
  io.stdout.write(
    options.json === true ? `${JSON.stringify({ model: folder, ...description })}\n` : format(folder, description),
  );
}

function format(folder: string, description: ModelDescription): string {
  const { config, parameters, byteLength, layers, dtypes, weightsName, hasTokenizer } = description;
  const tensors = Object.entries(dtypes)
    .map(([dtype, count]) => `${count} ${dtype}`)
    .join(", ");
  const summary = [
    ["model", folder],
    ["parameters", `${formatCount(parameters.total)}, of which ${formatCount(parameters.active)} active per token`],
    ["weights", `${formatBytes(byteLength)} (${formatCount(byteLength)} bytes) in ${weightsName}`],
    ["tensors", tensors],
    ["tokenizer", hasTokenizer ? "tokenizer.json" : "none: prompts can only be ids"],
  ];
  const settings = Object.entries(config)
    .filter(([, value]) => typeof value !== "object" && value !== undefined)
    .map(([key, value]) => [key, String(value)]);
  const rows = layers.map((layer) => [
    String(layer.index),
    layer.kind,
    layer.description,
    formatCount(layer.parameters),
    formatCount(layer.activeParameters),
    formatBytes(layer.byteLength),
  ]);
  const header = ["layer", "kind", "", "parameters", "active", "weights"];
  return [
    formatTable(summary, ["left", "left"]),
    formatTable(settings, ["left", "left"]),
    formatTable([header, ...rows], ["right", "left", "left", "right", "right", "right"]),
  ].join("\n");
}
