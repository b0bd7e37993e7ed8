/**
 * The library as the commands see it: `@blackmamba/model` and the model that comes along. Imported at the first call
 * of each, so that `--help` and a wrong option are answered at once.
 */
import type { Device as ModelDevice } from "@blackmamba/model";
import type { Library } from "./library.ts";

const model = () => import("@blackmamba/model");

export const realLibrary: Library = {
  selectDevice: async (choice) => (await model()).selectDevice(choice),
  // A model may have its tokenizer within, or be its own: a GGUF file, a MambaByte.
  lacksTokenizer: async (folder) =>
    (await model()).describeModel(folder).then(
      ({ hasTokenizer }) => !hasTokenizer,
      () => false,
    ),
  load: async (folder, { device, ...options }) =>
    // The only devices there are come from `selectDevice` above.
    (await model()).BlackMamba.load(folder, { ...options, device: device as ModelDevice }),
  convertModel: async (source, folder, options) =>
    (await import("./convert-model.ts")).convertModel(source, folder, options),
  synthModel: async (folder, options) => (await import("./synth-model.ts")).synthModel(folder, options),
  describeModel: async (folder) => (await model()).describeModel(folder),
  bench: async ({ device, ...request }) =>
    (await import("./bench/run-bench.ts")).runBench({ ...request, device: device as ModelDevice }),
  openCache: async () => (await import("@blackmamba/hub")).openCache(),
  findChatTemplate: async (folder, signal) => (await import("@blackmamba/server")).findChatTemplate(folder, { signal }),
  serve: async (load, options) => (await import("./serve-model.ts")).serveModel(load, options),
  listDevices: async () => (await model()).listDevices(),
  defaultModelFolder: async () => (await import("@blackmamba/storyteller")).modelFolder,
};
