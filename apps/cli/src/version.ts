/** The version of this package, from its own package.json: one place to change it. */
import { readFileSync } from "node:fs";

const manifest: { version: string } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

export const version = manifest.version;
