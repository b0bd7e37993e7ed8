/**
 * Whether an id is left to draw from, for the references; the same in WGSL is `kept.wgsl.ts`.
 */
import { type HostTensor, u32 } from "@blackmamba/tensor";
import { CUT, CUT_WIDTH } from "./cut/cut-words.ts";
import { keyOf } from "./key.ts";
import { decodeSettings } from "./settings.ts";
import { TYPICAL, TYPICAL_WIDTH } from "./typical/typical-words.ts";

/** What leaves ids out of a row; all are left by what is not there. */
interface HostKeepers {
  readonly cut?: HostTensor | undefined;
  readonly typical?: HostTensor | undefined;
  readonly settings: HostTensor;
}

/** Tells whether an id with this logit, which is a number, is left. */
export type IsKept = (logit: number, id: number) => boolean;

/** What tells that of the ids of a row; nothing where all are left. */
export function keptBy({ cut, typical, settings }: HostKeepers, row: number): IsKept | undefined {
  const byCut = cut && keptByCut(u32(cut), u32(settings), row);
  const byTypical = typical && keptByTypical(u32(typical), row);
  if (!byCut || !byTypical) return byCut ?? byTypical;
  return (logit, id) => byCut(logit, id) && byTypical(logit, id);
}

function keptByCut(cuts: Uint32Array, settings: Uint32Array, row: number): IsKept {
  const { inverseTemperature, logMinP } = decodeSettings(settings, row);
  const words = cuts.slice(row * CUT_WIDTH, (row + 1) * CUT_WIDTH);
  const [key, lastId] = [words[CUT.key], words[CUT.id]];
  const largest = new Float32Array(words.buffer)[CUT.largest];
  return (logit, id) => {
    const own = keyOf(logit);
    if (own < key || (own === key && id > lastId)) return false;
    return logit === largest || Math.fround(Math.fround(logit - largest) * inverseTemperature) >= logMinP;
  };
}

function keptByTypical(all: Uint32Array, row: number): IsKept {
  const words = all.slice(row * TYPICAL_WIDTH, (row + 1) * TYPICAL_WIDTH);
  const center = new Float32Array(words.buffer)[TYPICAL.center];
  const [last, lastId] = [words[TYPICAL.deviation], words[TYPICAL.id]];
  return (logit, id) => {
    const own = deviationOf(logit, center);
    return own < last || (own === last && id <= lastId);
  };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of how far a logit lies from where the typical ones are; bits have the order of what they stand for. */
export function deviationOf(logit: number, center: number): number {
  float[0] = Math.abs(logit - center);
  return bits[0];
}
