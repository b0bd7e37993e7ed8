/**
 * Workgroup counts that respect WebGPU's limit of 65,535 in each dimension.
 */

/** WebGPU guarantees this many in every dimension; no device here has been seen to offer more. */
const MAX_PER_DIMENSION = 65535;

/**
 * Spreads a count of workgroups over x and y. A shader finds its index with {@link WORKGROUP_INDEX}; there may be a few
 * too many workgroups, which have to return at once.
 */
export function spread(count: number): readonly [number, number, number] {
  if (count <= MAX_PER_DIMENSION) return [count, 1, 1];
  const y = Math.ceil(count / MAX_PER_DIMENSION);
  return [Math.ceil(count / y), y, 1];
}

/** WGSL expression of a workgroup's index after {@link spread}. */
export const WORKGROUP_INDEX = "(workgroup_id.x + workgroup_id.y * num_workgroups.x)";
