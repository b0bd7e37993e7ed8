/**
 * The program of the process that reads a campaign's files. It is bundled with every `*.fuzz.ts`, and watched: see `fuzz-campaign.mjs`.
 */
/// <reference types="vite/client" />
// First, so that the readers hold the counted constructors.
import "@blackmamba/testing/fuzz/bounds";
import { serve } from "./fuzz-serve.mjs";

/** @type {Record<string, { target: import("@blackmamba/testing/fuzz").FuzzTarget }>} */
const modules = import.meta.glob("/packages/*/src/**/*.fuzz.ts", { eager: true });
await serve(Object.values(modules).map(({ target }) => target));
