import { expect, test } from "vitest";
import { changeSetting, listSettings, SETTING_NAMES } from "./settings.ts";

const sampling = { maxTokens: 200, temperature: 0.8, topP: 0.95 };

test.each<[string, string, object]>([
  ["temperature", "0", { temperature: 0 }],
  ["top-k", "40", { topK: 40 }],
  ["top-p", "0.5", { topP: 0.5 }],
  ["min-p", "0.1", { minP: 0.1 }],
  ["typical-p", "0.9", { typicalP: 0.9 }],
  ["repetition-penalty", "1.2", { repetitionPenalty: 1.2 }],
  ["frequency-penalty", "-0.5", { frequencyPenalty: -0.5 }],
  ["presence-penalty", "0.5", { presencePenalty: 0.5 }],
  ["min-tokens", "4", { minTokens: 4 }],
  ["seed", "7", { seed: 7 }],
  ["max-tokens", "9", { maxTokens: 9 }],
  ["stop", "The end", { stop: ["The end"] }],
  ["stop", '"\\n\\n"', { stop: ["\n\n"] }],
  ["top-p", "off", { topP: undefined }],
  ["temperature", "off", { temperature: undefined }],
])("%s %s", (name, value, change) => {
  expect(changeSetting(sampling, name, value)).toEqual({ ...sampling, ...change });
});

test("every setting can be changed and is listed", () => {
  expect(listSettings({ ...sampling, stop: ["\n", "x"] })).toEqual([
    ["temperature", "0.8"],
    ["top-k", "off"],
    ["top-p", "0.95"],
    ["min-p", "off"],
    ["typical-p", "off"],
    ["repetition-penalty", "off"],
    ["frequency-penalty", "off"],
    ["presence-penalty", "off"],
    ["seed", "off"],
    ["max-tokens", "200"],
    ["min-tokens", "off"],
    ["stop", '"\\n" "x"'],
  ]);
  for (const name of SETTING_NAMES) {
    const changed = changeSetting(sampling, name, "1");
    expect(listSettings(changed)).toContainEqual([name, name === "stop" ? '"1"' : "1"]);
  }
});

test.each([
  ["temprature", "1", "set temprature: expected one of temperature, "],
  ["temprature", "1", "did you mean temperature?"],
  ["toString", "1", "set toString: expected one of "],
  ["temperature", "warm", 'set temperature: expected a number of 0 or more, found "warm"'],
  ["top-k", "", 'set top-k: expected a whole number of 1 or more, found ""'],
  ["max-tokens", "off", 'set max-tokens: expected a whole number of 1 or more, found "off"'],
  ["stop", '"open', 'set stop: expected some text, or text in quotes such as "\\n", found "open'],
])("%s %s is refused", (name, value, message) => {
  expect(() => changeSetting(sampling, name, value)).toThrow(message);
  expect(() => changeSetting(sampling, name, value)).toThrow(expect.objectContaining({ code: "ERR_CHAT" }));
});
