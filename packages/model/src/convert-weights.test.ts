import { openCheckpoint, requireTensor, type WriteProgress } from "@blackmamba/checkpoint";
import { expect, test } from "vitest";
import { convertWeights } from "./convert-weights.ts";
import { memorySink } from "./testing/memory-sink.ts";
import type { PlainConfig } from "./testing/plain-model.ts";
import { randomModel } from "./testing/random-model.ts";

const config: PlainConfig = {
  num_layers: 2,
  hidden_size: 64,
  state_size: 8,
  conv_dimension: 4,
  vocab_size: 100,
  expansion_factor: 2,
  mamba_moe_layers: ["r", "2"],
  ffn_hidden_size: 96,
  bias: false,
  add_bias_linear: false,
  swiglu: true,
};

async function convert(weights: Blob, options?: Parameters<typeof convertWeights>[2]) {
  const sink = memorySink();
  const result = await convertWeights({ config, weights }, sink, options);
  expect(sink.state()).toBe("closed");
  expect(sink.blob().size).toBe(result.byteLength);
  return { result, file: sink.blob() };
}

const weights = async () => (await randomModel(config, "bf16")).parts.weights as Blob;

test("without quantize every tensor is as it was", async () => {
  const source = await weights();
  const { result, file } = await convert(source);
  const [before, after] = [await openCheckpoint(source), await openCheckpoint(file)];
  expect(result.dtypes).toEqual({ bf16: before.tensors.size });
  expect({ ...after.metadata }).toEqual({ format: "pt" });
  expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()]);
  for (const tensor of after.tensors.values()) {
    const original = requireTensor(before, tensor.name);
    expect([tensor.dtype, tensor.shape]).toEqual([original.dtype, original.shape]);
    expect(await tensor.read()).toEqual(await original.read());
  }
});

test("the metadata say which quantised types there are", async () => {
  const { file } = await convert(await weights(), { quantize: "q4_0" });
  expect({ ...(await openCheckpoint(file)).metadata }).toEqual({ format: "pt", quantization: "q4_0" });
  // They go on saying so when it is converted once more.
  const again = await convert(file);
  expect({ ...(await openCheckpoint(again.file)).metadata }).toEqual({ format: "pt", quantization: "q4_0" });
});

test("progress ends with all bytes", async () => {
  const steps: WriteProgress[] = [];
  await convert(await weights(), { quantize: "q8_0", onProgress: (step) => steps.push(step) });
  expect(steps.length).toBeGreaterThan(10);
  expect(steps.at(-1)?.writtenBytes).toBe(steps.at(-1)?.totalBytes);
});

test("an abort ends it, and aborts the sink", async () => {
  const sink = memorySink();
  const stop = new AbortController();
  const parts = { config, weights: await weights() };
  const onProgress = () => stop.abort(new Error("enough"));
  await expect(convertWeights(parts, sink, { signal: stop.signal, onProgress })).rejects.toThrow("enough");
  expect(sink.state()).toBe("aborted");
});

test("weights that do not belong to the configuration are refused before anything is written", async () => {
  const sink = memorySink();
  const parts = { config: { ...config, vocab_size: 101 }, weights: await weights() };
  await expect(convertWeights(parts, sink)).rejects.toMatchObject({ code: "ERR_MODEL_WEIGHTS" });
  expect([sink.state(), sink.blob().size]).toEqual(["aborted", 0]);
});
