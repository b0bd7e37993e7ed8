/**
 * The scan's shader for an adapter: tiles of tokens in workgroup memory on a GPU; a thread per channel where the adapter is
 * really a CPU, or the state is too large for a tile.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import type { SelectiveScanOperands } from "./selective-scan.ts";
import { selectiveScanSoftware } from "./selective-scan-software.wgsl.ts";
import { scanTile, selectiveScanTiled } from "./selective-scan-tiled.wgsl.ts";

export function selectiveScanShader(operands: SelectiveScanOperands, _: unknown, traits: AdapterTraits): Shader {
  const tile = scanTile(operands.A.shape[1], traits);
  return traits.software || !tile ? selectiveScanSoftware(operands) : selectiveScanTiled(operands, tile);
}
