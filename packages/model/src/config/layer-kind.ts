/**
 * Kinds of layers, as `mamba_moe_layers` writes them: "r", "1", "8", "r1", "r8".
 */
import { ModelConfigError } from "../errors.ts";
import { describe } from "./config-keys.ts";

/** What one layer holds: a Mamba mixer, experts, or both in parallel. */
export interface LayerKind {
  /** The entry as it was written. */
  readonly entry: string;
  readonly mamba: boolean;
  /** 0 for none, 1 for a plain MLP, more for a mixture of experts. */
  readonly experts: number;
}

/**
 * Reads one entry.
 *
 * @throws ModelConfigError naming the layer
 */
export function parseLayerKind(entry: unknown, index: number): LayerKind {
  const match = typeof entry === "string" ? /^(r?)([1-9]\d{0,3})?$/.exec(entry) : null;
  if (!match || entry === "") {
    throw new ModelConfigError(
      `mamba_moe_layers[${index}]: expected "r", a number of experts such as "8", or both as "r8", ` +
        `found ${describe(entry)}`,
    );
  }
  return { entry: match[0], mamba: match[1] === "r", experts: Number(match[2] ?? 0) };
}

/** The kind in words, for tables. */
export function describeLayerKind({ mamba, experts }: LayerKind): string {
  const ffn = experts === 0 ? [] : experts === 1 ? ["MLP"] : [`MoE, ${experts} experts`];
  return [...(mamba ? ["Mamba"] : []), ...ffn].join(" ∥ ");
}
