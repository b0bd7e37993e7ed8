/** What options say that several commands have. */

export const MODEL_HELP =
  "folder with config.json, the weights and tokenizer.json; or a file of weights in one, an address, or a name on a hub, " +
  "as owner/name or owner/name@revision (default: the small storyteller that comes along)";

export const DEVICE_HELP = "auto, webgpu or cpu; auto takes a hardware GPU if there is one, else the CPU";
