/** Writes safetensors files for tests, also ones that the format forbids. */

/** A header entry, or anything in its place. */
export type HeaderJson = Readonly<Record<string, unknown>>;

/** A file with this header and so many bytes of data, which count up. */
export function safetensorsFile(header: HeaderJson | string, dataByteLength = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataByteLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  for (let index = 0; index < dataByteLength; index++) file[8 + json.length + index] = index % 256;
  return file;
}
