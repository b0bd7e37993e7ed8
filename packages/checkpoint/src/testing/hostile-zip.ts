/** Zips made to break readers: records that lie about sizes, places and counts, entries that overlap, names that lead elsewhere. */
import { hostileText, hostileWord, overwritten, type Random } from "@blackmamba/testing/fuzz";
import { type ZipInput, zip } from "./zip-bytes.ts";

/** Records by their signatures, and where in them their numbers stand: at which byte, of how many bytes. */
const RECORDS: readonly {
  readonly signature: number;
  readonly fields: readonly (readonly [at: number, size: number])[];
}[] = [
  // A local header: flags, method, sizes, lengths of name and extra field.
  {
    signature: 0x04034b50,
    fields: [
      [6, 2],
      [8, 2],
      [18, 4],
      [22, 4],
      [26, 2],
      [28, 2],
    ],
  },
  // The directory's entry: the same, of a comment too, and the header's place.
  {
    signature: 0x02014b50,
    fields: [
      [8, 2],
      [10, 2],
      [20, 4],
      [24, 4],
      [28, 2],
      [30, 2],
      [32, 2],
      [42, 4],
    ],
  },
  // The end: parts, entries, the directory's size and place, the comment's length.
  {
    signature: 0x06054b50,
    fields: [
      [4, 2],
      [6, 2],
      [8, 2],
      [10, 2],
      [12, 4],
      [16, 4],
      [20, 2],
    ],
  },
  // zip64's end: parts, entries, the directory's size and place.
  {
    signature: 0x06064b50,
    fields: [
      [4, 8],
      [16, 4],
      [20, 4],
      [24, 8],
      [32, 8],
      [40, 8],
      [48, 8],
    ],
  },
  // zip64's locator: the end's place.
  {
    signature: 0x07064b50,
    fields: [
      [4, 4],
      [8, 8],
      [16, 4],
    ],
  },
];

/** A zip of these entries, with entries or records that are not as they should be. */
export function hostileZip(random: Random, inputs: readonly ZipInput[]): Uint8Array {
  const entries = [...inputs];
  if (random.chance(0.3)) {
    const other = random.pick(entries);
    const name = random.pick([
      other.name,
      `../${other.name}`,
      `archive/data/${hostileText(random)}`,
      hostileText(random),
    ]);
    entries.splice(random.below(entries.length + 1), 0, { ...other, name });
  }
  if (random.chance(0.1)) {
    const at = random.below(entries.length);
    // Whatever its bytes are: deflated, or of another method, or encrypted.
    entries[at] = { ...(entries[at] as ZipInput), method: random.pick([8, 12, 99]), flags: random.below(2) };
  }
  const zip64 = random.chance(0.3);
  const comment = random.chance(0.1) ? hostileText(random).slice(0, 3000) : undefined;
  let file: Uint8Array = zip(entries, { zip64, comment, alignment: random.pick([1, 64]) });
  for (let left = random.below(4); left > 0; left--) file = lie(random, file);
  return file;
}

/** One number of one record becomes another, or that of another record of its kind: then entries overlap. */
function lie(random: Random, file: Uint8Array): Uint8Array {
  const { signature, fields } = random.pick(RECORDS);
  const places = placesOf(file, signature);
  if (places.length === 0) return file;
  const [at, size] = random.pick(fields);
  const place = random.pick(places) + at;
  if (random.chance(0.5)) return overwritten(file, place, hostileWord(random, size));
  const other = random.pick(places) + at;
  return overwritten(file, place, file.slice(other, other + size));
}

function placesOf(file: Uint8Array, signature: number): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const places: number[] = [];
  for (let at = 0; at + 4 <= file.length; at++) if (view.getUint32(at, true) === signature) places.push(at);
  return places;
}
