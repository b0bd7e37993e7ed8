/**
 * `@blackmamba/checkpoint/node`: what needs Node, files and folders by path, to read and to write. Not here: anything that a
 * browser could run.
 *
 * @packageDocumentation
 */
export { createFileSink } from "./file-sink.node.ts";
export { openFile } from "./file-source.ts";
export { isFile, listFolder } from "./list-folder.node.ts";
