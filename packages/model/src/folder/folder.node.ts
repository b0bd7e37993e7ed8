/**
 * Folders and files, in Node. Chosen by the `#folder` entry of package.json.
 */
export { isFile, listFolder, openFile } from "@blackmamba/checkpoint/node";
