#!/usr/bin/env node
/**
 * Makes `model/model.safetensors` of this package from the storyteller as it was trained, in bf16:
 *
 *   node packages/storyteller/scripts/quantize.mjs FOLDER_OF_THE_BF16_MODEL
 *
 * The large matrices become Q8_0; routers, dt_proj, convolutions, A, D and norms stay as they are.
 */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpoint, quantizedTensor, writeSafetensors } from "@blackmamba/checkpoint";
import { createFileSink, openFile } from "@blackmamba/checkpoint/node";

const QUANTIZED = /(word_embeddings|in_proj|x_proj|out_proj|linear_fc1|linear_fc2)\.weight$/;

const source = process.argv[2];
if (!source) {
  console.error("usage: quantize.mjs FOLDER_OF_THE_BF16_MODEL");
  process.exit(2);
}
const target = fileURLToPath(new URL("../model/", import.meta.url));
const checkpoint = await openCheckpoint(await openFile(join(source, "pytorch_model.bin")));
const tensors = [...checkpoint.tensors.values()].map((tensor) =>
  QUANTIZED.test(tensor.name) ? quantizedTensor(tensor) : tensor,
);
const byteLength = await writeSafetensors(tensors, await createFileSink(join(target, "model.safetensors")), {
  metadata: { format: "pt", quantization: "q8_0" },
});
await checkpoint.close();
for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
  await copyFile(join(source, name), join(target, name));
}
console.error(`${tensors.length} tensors, ${byteLength} bytes`);
