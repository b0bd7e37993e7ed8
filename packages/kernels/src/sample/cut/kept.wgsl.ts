/**
 * WGSL that tells whether a cut leaves an id; the same in TypeScript is `keptBy` of `cut.reference.ts`.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import { setting } from "../logit.wgsl.ts";
import { CUT, CUT_WIDTH } from "./cut-words.ts";

/** The binding for {@link KEPT}. */
export function keptBinding(cut: Tensor): Binding {
  return { name: "cut", tensor: cut, access: "read", type: "array<u32>" };
}

const word = (name: keyof typeof CUT) => `cut[row * ${CUT_WIDTH}u + ${CUT[name]}u]`;

/** `fn isKept(row: u32, value: f32, id: u32) -> bool`. Needs the code of `logit.wgsl.ts`. */
export const KEPT = `fn isKept(row: u32, value: f32, id: u32) -> bool {
  let key = keyOf(value);
  if (key < ${word("key")} || (key == ${word("key")} && id > ${word("id")})) { return false; }
  let largest = bitcast<f32>(${word("largest")});
  return value == largest || (value - largest) * ${setting("inverseTemperature")} >= ${setting("logMinP")};
}`;
