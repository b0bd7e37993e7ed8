import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testHubFolder } from "../testing/hub-folder-suite.ts";

testHubFolder(() => mkdtemp(join(tmpdir(), "hub-")));
