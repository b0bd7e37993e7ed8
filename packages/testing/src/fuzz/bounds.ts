/**
 * What a reader may use for one file: bytes that it asks for in arrays, and prototypes left as they are. Not here: the heap and
 * time, which only who runs the reader can bound (`scripts/fuzz-serve.mjs`, `fuzz-campaign.mjs`).
 *
 * Importing this puts counters in the place of the array constructors, in the whole process, before anything else holds them.
 */
import { FuzzFailure } from "./target.ts";

/** Half of the 512 MB that a file may take; the other half is the heap's. */
const MAX_ARRAY_BYTE_LENGTH = 256 << 20;

/** Of all arrays since `startCase`, whether they are still held or not; between cases nothing is counted. */
let arrayByteLength = Number.NEGATIVE_INFINITY;

const COUNTED = [
  ...["ArrayBuffer", "Uint8Array", "Int8Array", "Uint8ClampedArray", "Uint16Array", "Int16Array", "Uint32Array"],
  ...["Int32Array", "Float32Array", "Float64Array", "BigUint64Array", "BigInt64Array"],
];

for (const name of COUNTED) {
  const Original = Reflect.get(globalThis, name) as typeof Uint8Array;
  const size = Original.BYTES_PER_ELEMENT ?? 1;
  const counter: typeof Uint8Array = new Proxy(Original, {
    construct(target, args: unknown[], newTarget) {
      const [first] = args;
      const length =
        typeof first === "number" ? first : Array.isArray(first) || ArrayBuffer.isView(first) ? lengthOf(first) : 0;
      if (length > 0) arrayByteLength += length * size;
      if (arrayByteLength > MAX_ARRAY_BYTE_LENGTH) {
        throw new FuzzFailure(
          `arrays of over ${MAX_ARRAY_BYTE_LENGTH} bytes asked for, the last a ${name} of ${length}`,
        );
      }
      return Reflect.construct(target, args, newTarget === counter ? target : newTarget);
    },
  });
  Reflect.set(globalThis, name, counter);
}

function lengthOf(list: object): number {
  return "length" in list ? Number(list.length) : 0;
}

const PROTOTYPES = [Object, Array, Function, String, Number, Boolean, RegExp, Map, Set, Uint8Array, Error, Promise].map(
  ({ prototype }) => ({ prototype, before: propertiesOf(prototype) }),
);

function propertiesOf(prototype: object): Map<string | symbol, unknown> {
  return new Map(
    Reflect.ownKeys(prototype).map((key) => {
      const { value, get } = Reflect.getOwnPropertyDescriptor(prototype, key) ?? {};
      return [key, get ?? value];
    }),
  );
}

/** Counts from here. */
export function startCase(): void {
  arrayByteLength = 0;
}

/** Throws `FuzzFailure` where the case asked for too much, even if what that threw was caught, or left prototypes changed. */
export function endCase(): void {
  const asked = arrayByteLength;
  arrayByteLength = Number.NEGATIVE_INFINITY;
  if (asked > MAX_ARRAY_BYTE_LENGTH) {
    throw new FuzzFailure(`arrays of ${asked} bytes asked for, at most ${MAX_ARRAY_BYTE_LENGTH} allowed`);
  }
  for (const { prototype, before } of PROTOTYPES) {
    // Cheap, as it is done after each case; `endCampaign` looks closer.
    if (Reflect.ownKeys(prototype).length !== before.size) requireUnchanged();
  }
}

/** Throws `FuzzFailure` where a prototype has gained, lost or changed a property. */
export function requireUnchanged(): void {
  for (const { prototype, before } of PROTOTYPES) {
    const now = propertiesOf(prototype);
    for (const key of new Set([...before.keys(), ...now.keys()])) {
      if (now.get(key) === before.get(key) && now.has(key) === before.has(key)) continue;
      throw new FuzzFailure(`${prototype.constructor.name}.prototype was changed: ${String(key)}`);
    }
  }
}
