/**
 * What the tests of several packages share.
 *
 * @packageDocumentation
 */
export { makeCacheFolder } from "./cache-folder.ts";
export { type TestDevice, testChainDevices, testDevices, testDeviceVariants } from "./devices.ts";
export {
  createFakeHub,
  type FakeHub,
  type FakeHubOptions,
  fileResponse,
  HUB_COMMIT,
  type HubModel,
} from "./fake-hub.ts";
export { readFixture, readJsonFixture, readRepositoryFile } from "./fixtures.ts";
export { type GgufFile, type GgufTensor, ggufFile, type TypedValue } from "./gguf-bytes.ts";
export { type KernelCase, type TensorMaker, testKernel } from "./kernel-test.ts";
export { countingBytes, expectBytes, expectClose, randomNumbers, relativeError, rowArgmax } from "./numbers.ts";
