import { openCheckpoint, requireTensor, type WriteProgress } from "@blackmamba/checkpoint";
import { expect, test } from "vitest";
import { convertWeights } from "./convert-weights.ts";
import { OptionError } from "./errors.ts";
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

test("dtype is of every tensor that is not quantised; in GGUF, of matrices", async () => {
  const { result, file } = await convert(await weights(), { dtype: "f32" });
  expect(Object.keys(result.dtypes)).toEqual(["f32"]);
  // Every bf16 is an f32 as well, so nothing is lost on the way back.
  const back = await convert(file, { dtype: "bf16" });
  const plain = await convert(await weights());
  expect(await back.file.arrayBuffer()).toEqual(await plain.file.arrayBuffer());
  const small = await convert(await weights(), { dtype: "f16", quantize: "q8_0" });
  expect(Object.keys(small.result.dtypes).sort()).toEqual(["f16", "q8_0"]);
  const gguf = await openCheckpoint((await convert(await weights(), { dtype: "f16", format: "gguf" })).file);
  const dtypeOf = (name: string) => requireTensor(gguf, name).dtype;
  expect(["blk.0.ssm_in.weight", "blk.0.ssm_dt.weight", "blk.1.ffn_gate_inp.weight"].map(dtypeOf)).toEqual([
    ...["f16", "f16", "f16"],
  ]);
  expect(["blk.0.ssm_a", "blk.0.attn_norm.weight", "blk.0.ssm_conv1d.weight"].map(dtypeOf)).toEqual([
    ...["f32", "f32", "f32"],
  ]);
});

test("several files need a function that makes their sinks", async () => {
  const parts = { config, weights: await weights() };
  const sinks = new Map<string, ReturnType<typeof memorySink>>();
  const open = async (file: string) => {
    sinks.set(file, memorySink());
    return sinks.get(file)!;
  };
  const { files, byteLength } = await convertWeights(parts, open, { shardByteLength: 60_000 });
  expect(files.length).toBeGreaterThan(2);
  expect([...sinks.keys()]).toEqual(files);
  expect([...sinks.values()].reduce((sum, sink) => sum + sink.blob().size, 0)).toBe(byteLength);
  expect((await convertWeights(parts, open, { format: "gguf" })).files).toEqual(["model.gguf"]);

  const refused = async (target: Parameters<typeof convertWeights>[1], options: Parameters<typeof convertWeights>[2]) =>
    expect(convertWeights(parts, target, options)).rejects.toThrow(OptionError);
  const sink = memorySink();
  await refused(sink, { shardByteLength: 60_000 });
  expect(sink.state()).toBe("aborted");
  await refused(open, { shardByteLength: 60_000, format: "gguf" });
  await refused(open, { shardByteLength: 0 });
  await refused(open, { dtype: "q8_0" as "f16" });
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
