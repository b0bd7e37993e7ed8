/**
 * Files of models over HTTP and from a Hugging Face hub: read while they come, resumed where they broke, checked and cached.
 *
 * @packageDocumentation
 */
export type { CachedModel, CheckedFile, FileCache, VerifyOptions } from "./cache/file-cache.ts";
export type { HubFile, HubListing } from "./cache/hub-file.ts";
export type { FetchProgress } from "./download/download.ts";
export type { FileHash } from "./download/hash.ts";
export type { PartialFile } from "./download/partial-file.ts";
export {
  AddressError,
  CacheError,
  ChangedFileError,
  ConnectionError,
  HashMismatchError,
  HttpStatusError,
  HubNameError,
  HubNotFoundError,
  ResponseError,
} from "./errors.ts";
export { openUrl, type UrlOptions } from "./http/open-url.ts";
export type { HttpOptions } from "./http/remote-file.ts";
export { openUrlFolder } from "./http/url-folder.ts";
export { type HubOptions, openHubFolder } from "./hub/hub-folder.ts";
export { type HubName, isHubName, parseHubName } from "./hub/hub-name.ts";
export { openCache } from "./open-cache.ts";
