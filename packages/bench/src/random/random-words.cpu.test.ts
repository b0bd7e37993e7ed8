import { createCpuDevice, Program } from "@blackmamba/tensor";
import { expect, test } from "vitest";
import { fillRandomWords } from "./random-words.cpu.ts";
import { type RandomWordsParams, randomWords } from "./random-words.ts";

async function onCpu(params: RandomWordsParams, referencesOnly: boolean): Promise<Uint32Array> {
  const device = createCpuDevice({ referencesOnly });
  const out = device.createTensor("u32", [1001], "out");
  const program = new Program("random");
  program.call(randomWords, { out }, params);
  await device.run([await device.prepare(program)]);
  const words = await device.readU32(out);
  await device.dispose();
  return words;
}

test.each(["f32", "f16", "bf16"] as const)("%s is as the reference makes it, bit for bit", async (encoding) => {
  const params = { encoding, seed: 4_294_967_295, firstWord: 4_294_967_000, mean: -0.3, deviation: 2.5 };
  const expected = await onCpu(params, true);
  expect(await onCpu(params, false)).toEqual(expected);
  const words = new Uint32Array(1001);
  fillRandomWords(words, params);
  expect(words).toEqual(expected);
});

test("a map is put to each element before it is rounded", () => {
  const [plain, mapped] = [new Float32Array(100), new Float32Array(100)];
  const params = { encoding: "f32" as const, seed: 1, mean: -8, deviation: 2 };
  fillRandomWords(new Uint32Array(plain.buffer), params);
  fillRandomWords(new Uint32Array(mapped.buffer), { ...params, map: (element) => Math.log(-element) });
  expect(mapped).toEqual(plain.map((element) => Math.log(-element)));
});
