import { describe, expect, it } from "vitest";
import { isHubName, parseHubName } from "./hub-name.ts";

describe("parseHubName", () => {
  it.each([
    ["Zyphra/BlackMamba-1.5B", "Zyphra/BlackMamba-1.5B", "main"],
    ["a/b@v1.0", "a/b", "v1.0"],
    ["a/b@refs/pr/1", "a/b", "refs/pr/1"],
    ["a/b@new--branch", "a/b", "new--branch"],
    ["a_b/c.d@0123456789abcdef0123456789abcdef01234567", "a_b/c.d", "0123456789abcdef0123456789abcdef01234567"],
  ])("reads %s", (text, model, revision) => {
    expect(parseHubName(text)).toEqual({ model, revision });
  });

  it.each(["", "a", "/b", "a/", "a/b/c", "./a", "../b", "a/..", "~/a", "a/b--c", "a b/c", "a/b@"])(
    "refuses %j",
    (text) => {
      expect(isHubName(text)).toBe(false);
      expect(() => parseHubName(text)).toThrow(/a name such as "Zyphra\/BlackMamba-1.5B", .*expected/);
    },
  );

  it.each(["a/b@../x", "a/b@/x", "a/b@x//y", "a/b@-x", "a/b@x y"])("refuses the revision of %j", (text) => {
    expect(() => parseHubName(text)).toThrow(/a branch, a tag or a commit expected after "@"|a name such as/);
  });
});
