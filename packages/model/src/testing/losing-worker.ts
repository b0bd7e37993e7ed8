/**
 * A model's worker whose GPU goes away when it is told to: over the channel `lose-device`. Its adapters are called `adapter 1`,
 * `adapter 2` and so on, in the order in which they are asked for.
 */
import "../worker/entry.ts";

let [adapters, lose] = [0, () => {}];

const { requestAdapter } = GPU.prototype;
GPU.prototype.requestAdapter = async function (options) {
  const adapter = await requestAdapter.call(this, options);
  if (!adapter) return null;
  adapters += 1;
  Object.defineProperty(adapter, "info", { value: { vendor: `adapter ${adapters}`, isFallbackAdapter: true } });
  return adapter;
};

const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  const device = await requestDevice.call(this, descriptor);
  lose = () => device.destroy();
  return device;
};

new BroadcastChannel("lose-device").onmessage = () => lose();
