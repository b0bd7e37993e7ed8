/**
 * The page of `bench-browser.mjs`: loads a model from an address and generates until the first text, and says when what happened.
 * It looks on from outside: at what the browser is asked for, and at what the model tells everyone.
 */
import { BlackMamba } from "@blackmamba/model";

/**
 * @typedef {object} Span
 * @property {number} start in milliseconds from the click
 * @property {number} end
 *
 * @typedef {object} FirstSample
 * @property {number} deviceMs when the device was there
 * @property {number} firstTensorMs when the first tensor was on the device
 * @property {number} lastTensorMs when the last was
 * @property {number} loadMs when `load` resolved
 * @property {number} firstTextMs when the first text was there
 * @property {Span[]} pipelines each pipeline's compilation
 * @property {Span[]} requests each request for a file of the model
 * @property {number} transferredBytes by these requests, over the network
 * @property {string} device
 * @property {string} text the first
 */

/** @type {Span[]} */
const pipelines = [];
let [clickedAt, deviceMs] = [0, 0];
const now = () => performance.now() - clickedAt;

if (globalThis.GPUDevice) {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (/** @type {GPUDeviceDescriptor} */ descriptor) {
    const device = await requestDevice.call(this, descriptor);
    deviceMs = now();
    return device;
  };
  const { createComputePipelineAsync } = GPUDevice.prototype;
  GPUDevice.prototype.createComputePipelineAsync = async function (
    /** @type {GPUComputePipelineDescriptor} */ descriptor,
  ) {
    const start = now();
    const pipeline = await createComputePipelineAsync.call(this, descriptor);
    pipelines.push({ start, end: now() });
    return pipeline;
  };
}

/**
 * @param {string} url
 * @param {"cpu" | "webgpu"} device
 * @param {string} prompt
 * @returns {Promise<FirstSample>}
 */
async function firstSample(url, device, prompt) {
  performance.setResourceTimingBufferSize(10_000);
  performance.clearResourceTimings();
  clickedAt = performance.now();
  /** @type {number[]} */
  const tensors = [];
  const model = await BlackMamba.load(url, { device, onProgress: () => tensors.push(now()) });
  const loadMs = now();
  let [text, firstTextMs] = ["", 0];
  for await (const token of model.generate(prompt, { maxTokens: 1 })) {
    text = token.text;
    firstTextMs = now();
  }
  const requests = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource")).filter(
    ({ name }) => name.startsWith(url),
  );
  const { deviceReason } = model;
  await model.dispose();
  return {
    deviceMs,
    firstTensorMs: tensors[0] ?? 0,
    lastTensorMs: tensors.at(-1) ?? 0,
    loadMs,
    firstTextMs,
    pipelines,
    requests: requests.map(({ startTime, responseEnd }) => ({
      start: startTime - clickedAt,
      end: responseEnd - clickedAt,
    })),
    transferredBytes: requests.reduce((sum, { transferSize }) => sum + transferSize, 0),
    device: deviceReason,
    text,
  };
}

Object.assign(globalThis, { firstSample });
