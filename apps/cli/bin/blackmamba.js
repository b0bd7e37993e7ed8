#!/usr/bin/env node
/** The command. It stands outside of `dist` because it is linked when the workspace is installed, before it is built. */
import "../dist/main.js";
