import { describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.ts";
import { MAX_PICKLE_BYTE_LENGTH, PickledGlobal, readPickle } from "./pickle.ts";
import * as write from "./pickle-opcodes.ts";

/** Bytes as Python shows them: text with \x escapes, one character a byte. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function refusal(bytes: Uint8Array, options = {}): CheckpointError {
  try {
    readPickle(bytes, options);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("readPickle", () => {
  // As CPython writes them, or may read them.
  it.each([
    ["None", "\x80\x02N.", null],
    ["True", "\x80\x02\x88.", true],
    ["False", "\x80\x02\x89.", false],
    ["255", "\x80\x02K\xff.", 255],
    ["65535", "\x80\x02M\xff\xff.", 65535],
    ["-1", "\x80\x02J\xff\xff\xff\xff.", -1],
    ["2**31", "\x80\x02\x8a\x05\x00\x00\x00\x80\x00.", 2 ** 31],
    ["-2**63", "\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", -(2n ** 63n)],
    ["2**53", "\x80\x02\x8a\x07\x00\x00\x00\x00\x00\x00\x20.", 2n ** 53n],
    ["0 as a long", "\x80\x02\x8a\x00.", 0],
    ["LONG4", "\x80\x02\x8b\x01\x00\x00\x00\x07.", 7],
    ["1.5", "\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00.", 1.5],
    ["a string", "\x80\x02X\x03\x00\x00\x00a\xc3\xa9q\x00.", "aé"],
    ["a string of protocol 4", "\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00\x8c\x02hi\x94.", "hi"],
    ["a Python 2 string", "\x80\x02U\x02hi.", "hi"],
    ["bytes", "\x80\x03C\x02\x01\x02q\x00.", Uint8Array.of(1, 2)],
    ["a bytearray", "\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00\x01\x02.", Uint8Array.of(1, 2)],
    ["()", "\x80\x02).", []],
    ["(1,)", "\x80\x02K\x01\x85.", [1]],
    ["(1, 2, 3)", "\x80\x02K\x01K\x02K\x03\x87.", [1, 2, 3]],
    ["(1, 2, 3, 4)", "\x80\x02(K\x01K\x02K\x03K\x04tq\x00.", [1, 2, 3, 4]],
    ["[1, [2]]", "\x80\x02]q\x00(K\x01]q\x01K\x02ae.", [1, [2]]],
    ["{}", "\x80\x02}.", new Map()],
    ["{1: 'a'}", "\x80\x02}q\x00K\x01X\x01\x00\x00\x00as.", new Map([[1, "a"]])],
    ["{1, 2}", "\x80\x04\x8f\x94(K\x01K\x02\x90.", new Set([1, 2])],
    ["frozenset", "\x80\x04(K\x01K\x02\x91.", new Set([1, 2])],
    ["protocol 1", "(K\x01K\x02l.", [1, 2]],
    ["a dict of protocol 1", "(K\x01K\x02d.", new Map([[1, 2]])],
    ["OrderedDict", "\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01K\x01K\x02s.", new Map([[1, 2]])],
    ["STACK_GLOBAL", "\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R.", new Map()],
    ["memo", "\x80\x04\x8c\x01x\x94h\x00\x86.", ["x", "x"]],
    ["POP, POP_MARK, DUP", "\x80\x02K\x01K\x020(K\x03K\x0412\x86.", [1, 1]],
  ])("reads %s", (_, text, expected) => {
    expect(readPickle(bytesOf(text))).toEqual(expected);
  });

  it("reads the items of a Python 2 OrderedDict", () => {
    const pair = write.list(write.text("a"), write.int(1));
    const items = write.call(write.global("collections", "OrderedDict"), write.tuple(write.list(pair)));
    expect(readPickle(write.pickle(items))).toEqual(new Map([["a", 1]]));
  });

  it("keeps identity: what is memoised once is one object", () => {
    const value = readPickle(bytesOf("\x80\x02]q\x00h\x00j\x00\x00\x00\x00\x87.")) as unknown[];
    expect(value[0]).toBe(value[1]);
    expect(value[1]).toBe(value[2]);
  });

  it("reads a list that contains itself", () => {
    const value = readPickle(bytesOf("\x80\x02]q\x00h\x00a.")) as unknown[];
    expect(value[0]).toBe(value);
  });

  it("reads nesting of any depth without recursion", () => {
    const depth = 400_000;
    const bytes = new Uint8Array(2 * depth + 2).fill(0x5d, 0, depth + 1).fill(0x61, depth + 1, 2 * depth + 1);
    bytes[2 * depth + 1] = 0x2e;
    let value = readPickle(bytes) as unknown[];
    for (let level = 0; level < depth; level++) value = value[0] as unknown[];
    expect(value).toEqual([]);
  });

  it("skips the attributes of a dict, such as a state_dict's _metadata", () => {
    const state = write.dict([[write.text("_metadata"), write.orderedDict([])]]);
    expect(readPickle(write.pickle(write.build(write.orderedDict([]), state)))).toEqual(new Map());
  });

  it("resolves persistent ids by the given function", () => {
    const bytes = write.pickle(write.persistent(write.tuple(write.text("storage"), write.global("a", "B"))));
    const ids: unknown[] = [];
    const persistentLoad = (id: unknown) => {
      ids.push(id);
      return "loaded";
    };
    expect(readPickle(bytes, { persistentLoad, globals: new Map([["a.B", null]]) })).toBe("loaded");
    expect(ids).toEqual([["storage", new PickledGlobal("a.B")]]);
  });

  it.each([
    ["os.system", "\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."],
    ["os.system", "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R."],
    ["builtins.eval", "\x80\x02cbuiltins\neval\n."],
    ["collections.OrderedDict.fromkeys", "\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93."],
    ["torch._utils._rebuild_parameter", "\x80\x02ctorch._utils\n_rebuild_parameter\n."],
  ])("refuses %s by name", (name, text) => {
    const error = refusal(bytesOf(text));
    expect(error.code).toBe("ERR_CHECKPOINT_FORBIDDEN_GLOBAL");
    expect(error.message).toContain(`"${name}"`);
    expect(error).toHaveProperty("global", name);
  });

  it("never finds a global on a prototype", () => {
    expect(refusal(bytesOf("\x80\x04\x8c\x00\x8c\x0bconstructor\x93.")).code).toBe("ERR_CHECKPOINT_FORBIDDEN_GLOBAL");
  });

  it.each([
    ["nothing", "", "cut off"],
    ["no STOP", "\x80\x02N", "cut off"],
    ["an empty stack", "\x80\x02.", "stack is empty"],
    ["protocol 6", "\x80\x06N.", "protocol 6"],
    ["a frame beyond the end", "\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.", "frame"],
    ["a string beyond the end", "\x80\x02X\xff\xff\xff\xffN.", "4294967295 bytes expected"],
    ["a string of 2^64 bytes", "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffN.", "cut off"],
    ["a string that is no text", "\x80\x02X\x01\x00\x00\x00\xff.", "UTF-8"],
    ["a memo never set", "\x80\x02h\x07.", "memo 7"],
    ["no mark", "\x80\x02t.", "no mark"],
    ["a tuple of more than there is", "\x80\x02(K\x01\x86.", "stack is empty"],
    ["a value taken from below a mark", "\x80\x02K\x01(.", "stack is empty"],
    ["a key without a value", "\x80\x02}(K\x01u.", "without a value"],
    ["a key that can change", "\x80\x02}]K\x01s.", "key that can change"],
    ["items of no dict", "\x80\x02]K\x01K\x02s.", "only a dict"],
    ["appending to a tuple", "\x80\x02)K\x01a.", "only a list"],
    ["adding to no set", "\x80\x04](K\x01\x90.", "only a set"],
    ["a call of a value", "\x80\x02K\x01)R.", "called"],
    ["a call without a tuple", "\x80\x02ccollections\nOrderedDict\n]R.", "without a tuple"],
    ["a call with other arguments", "\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "other arguments"],
    ["attributes of a list", "\x80\x02]}b.", "attributes"],
    ["a global without a name", "\x80\x04K\x01K\x02\x93.", "without a name"],
    ["a global without an end", "\x80\x02cos", "without an end"],
    ["a persistent id", "\x80\x02K\x01Q.", "outside"],
    ["NEWOBJ", "\x80\x02]]\x81.", "NEWOBJ"],
    ["INST", "(ios\nsystem\n.", "INST"],
    ["EXT1", "\x80\x02\x82\x01.", "EXT1"],
    ["no opcode", "\x80\x02\x00.", "0x00"],
  ])("refuses %s", (_, text, words) => {
    const error = refusal(bytesOf(text));
    expect(error.code).toBe("ERR_CHECKPOINT_PICKLE");
    expect(error.message).toContain(words);
  });

  it("refuses a key that occurs twice", () => {
    expect(refusal(bytesOf("\x80\x02}(K\x01NK\x01Nu.")).code).toBe("ERR_CHECKPOINT_DUPLICATE_NAME");
  });

  it("refuses a call of a global that may only be named", () => {
    const bytes = write.pickle(write.call(write.global("a", "B"), write.tuple()));
    expect(refusal(bytes, { globals: new Map([["a.B", null]]) }).message).toContain('"a.B" is called');
  });

  it("refuses sizes beyond any real pickle", () => {
    expect(refusal(new Uint8Array(MAX_PICKLE_BYTE_LENGTH + 1)).code).toBe("ERR_CHECKPOINT_LIMIT");
    expect(refusal(bytesOf("\x80\x02\x8b\xff\xff\xff\x00.")).code).toBe("ERR_CHECKPOINT_LIMIT");
  });

  it.each([
    ["dicts", [0x7d]],
    ["places in the memo", [0x94]],
    ["bytes", [0x43, 0]],
  ])("refuses more %s than a checkpoint has, which take far more memory than the pickle", (_, opcodes) => {
    const many = new Array<readonly number[]>(500_001).fill(opcodes).flat();
    expect(refusal(write.pickle([0x4e, ...many])).code).toBe("ERR_CHECKPOINT_LIMIT");
  });

  it("refuses a pickle cut off anywhere", () => {
    const bytes = write.pickle(write.orderedDict([[write.text("name"), write.tuple(write.int(1), write.int(70000))]]));
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.subarray(0, length)).code).toBe("ERR_CHECKPOINT_PICKLE");
    }
  });
});
