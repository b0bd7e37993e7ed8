/**
 * WGSL that tells whether an id is left to draw from; the same in TypeScript is `kept.ts`.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import { CUT, CUT_WIDTH } from "./cut/cut-words.ts";
import { setting } from "./logit.wgsl.ts";
import { TYPICAL, TYPICAL_WIDTH } from "./typical/typical-words.ts";

/** What leaves ids out; all are left by what is not there. */
export interface Keepers {
  /** u32 [rows, CUT_WIDTH] */
  readonly cut?: Tensor | undefined;
  /** u32 [rows, TYPICAL_WIDTH] */
  readonly typical?: Tensor | undefined;
}

/** Bindings for {@link keptCode}. */
export function keptBindings({ cut, typical }: Keepers): Binding[] {
  return Object.entries({ cut, typical }).flatMap(([name, tensor]) =>
    tensor ? [{ name, tensor, access: "read", type: "array<u32>" } as const] : [],
  );
}

const cutWord = (name: keyof typeof CUT) => `cut[row * ${CUT_WIDTH}u + ${CUT[name]}u]`;
const typicalWord = (name: keyof typeof TYPICAL) => `typical[row * ${TYPICAL_WIDTH}u + ${TYPICAL[name]}u]`;

const BY_CUT = `let key = keyOf(value);
  if (key < ${cutWord("key")} || (key == ${cutWord("key")} && id > ${cutWord("id")})) { return false; }
  let largest = bitcast<f32>(${cutWord("largest")});
  if (value != largest && (value - largest) * ${setting("inverseTemperature")} < ${setting("logMinP")}) { return false; }`;

const BY_TYPICAL = `let deviation = deviationOf(value, bitcast<f32>(${typicalWord("center")}));
  if (deviation > ${typicalWord("deviation")}) { return false; }
  if (deviation == ${typicalWord("deviation")} && id > ${typicalWord("id")}) { return false; }`;

/**
 * `fn deviationOf(value: f32, center: f32) -> u32`: the bits of how far a logit lies from where the typical ones are. One difference, which
 * WGSL rounds as TypeScript does: it comes out the same wherever it is computed.
 */
export const DEVIATION = `fn deviationOf(value: f32, center: f32) -> u32 { return bitcast<u32>(abs(value - center)); }`;

/** `fn isKept(row: u32, value: f32, id: u32) -> bool`, of a logit that is a number. Needs the code of `logit.wgsl.ts`. */
export function keptCode({ cut, typical }: Keepers): string {
  return `${typical ? DEVIATION : ""}

fn isKept(row: u32, value: f32, id: u32) -> bool {
  ${cut ? BY_CUT : ""}
  ${typical ? BY_TYPICAL : ""}
  return true;
}`;
}
