/**
 * A trained model of 26 M parameters that writes children's stories: where its files are.
 *
 * @packageDocumentation
 */

/** URL of the model's folder, ending in a slash; append `config.json`, `model.safetensors` or `tokenizer.json`. */
export declare const modelUrl: URL;

/** Path of the model's folder in Node; elsewhere the path of `modelUrl`. */
export declare const modelFolder: string;
