import { testHubFolder } from "../testing/hub-folder-suite.ts";

testHubFolder(async () => crypto.randomUUID());
