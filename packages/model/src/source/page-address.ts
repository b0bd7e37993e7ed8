/** Addresses on the page's own server, written as paths. */

/**
 * The whole address that a text such as `"./model/"` or `"/model/"` means on a page; `undefined` of one that is written in another
 * way. In a worker, which has no page, paths are seen from its script.
 */
export function pageAddress(path: string): string | undefined {
  if (!/^\.{0,2}\//.test(path)) return undefined;
  return new URL(path, globalThis.document?.baseURI ?? location.href).href;
}
