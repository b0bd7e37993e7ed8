/**
 * What tells one model from another: made of its configuration and its weights as they are loaded, whatever the device. It is no
 * safeguard against those who want two models to look alike.
 */
import type { Checkpoint, CheckpointTensor } from "@blackmamba/checkpoint";
import type { ModelConfig } from "../config/config.ts";

/** A word of so many bytes is looked at: training changes them all, and to look at each would take longer than to load it. */
const BYTES_PER_WORD = 64;

/** Two hashes of 32 bits, in the manner of FNV-1a and of MurmurHash. */
class Hash {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;

  add(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#b = Math.imul((this.#b << 13) | (this.#b >>> 19), 5) + 0xe6546b64;
    this.#b = Math.imul(this.#b ^ word, 0x85ebca6b);
  }

  addText(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.add(byte);
  }

  /** 16 hexadecimal digits. */
  get digits(): string {
    return [this.#a, this.#b].map((half) => (mixed(half) >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** Spreads every bit over all, as the last words have not reached the upper ones yet. */
function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** The fingerprint of a model that is being loaded. */
export class Fingerprint {
  readonly #config: ModelConfig;
  readonly #tensors = new Map<string, Hash>();

  constructor(config: ModelConfig) {
    this.#config = config;
  }

  /** The same checkpoint, of which this learns what is read. */
  observe(checkpoint: Checkpoint): Checkpoint {
    const tensors = [...checkpoint.tensors].map(([name, tensor]) => [name, this.#observed(tensor)] as const);
    const { name, refused, metadata } = checkpoint;
    return { name, refused, metadata, tensors: new Map(tensors), close: () => checkpoint.close() };
  }

  /** 16 hexadecimal digits, once all is read. */
  get digits(): string {
    const hash = new Hash();
    hash.addText(JSON.stringify(this.#config));
    for (const name of [...this.#tensors.keys()].sort()) hash.addText(`${name} ${this.#tensors.get(name)?.digits}`);
    return hash.digits;
  }

  #observed(tensor: CheckpointTensor): CheckpointTensor {
    const { name, dtype, shape } = tensor;
    const begin = () => {
      const hash = new Hash();
      hash.addText(`${dtype} ${shape.join()}`);
      this.#tensors.set(name, hash);
      return hash;
    };
    return {
      name,
      dtype,
      shape,
      async *chunks(options) {
        const hash = begin();
        for await (const chunk of tensor.chunks(options)) {
          addWords(hash, chunk.bytes, chunk.byteOffset);
          yield chunk;
        }
      },
      async read(options) {
        const bytes = await tensor.read(options);
        addWords(begin(), bytes, 0);
        return bytes;
      },
    };
  }
}

/** The words at multiples of {@link BYTES_PER_WORD}, of bytes that begin at `byteOffset`. */
function addWords(hash: Hash, bytes: Uint8Array, byteOffset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = (BYTES_PER_WORD - (byteOffset % BYTES_PER_WORD)) % BYTES_PER_WORD;
  for (let at = first; at + 4 <= bytes.length; at += BYTES_PER_WORD) hash.add(view.getUint32(at, true));
}
