/**
 * Where the storyteller's files are. The model itself is data: `@blackmamba/model` loads it.
 */

/** URL of the model's folder, ending in a slash; append `config.json`, `model.safetensors` or `tokenizer.json`. */
export const modelUrl = new URL("./model/", import.meta.url);

/** Path of the model's folder in Node; elsewhere the path of `modelUrl`. */
export const modelFolder = filePath(modelUrl);

/** As `fileURLToPath` of `node:url`, which a browser does not have. */
function filePath({ protocol, pathname }) {
  const path = decodeURIComponent(pathname);
  return protocol === "file:" && /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path;
}
