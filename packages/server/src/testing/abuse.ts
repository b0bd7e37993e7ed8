/**
 * Requests that no client should send, made from a seed: what is written to a connection, piece by piece, and how the client ends it.
 * None of them is right in a way that could be answered with a text. For tests only.
 */
import { Random } from "@blackmamba/testing/fuzz";

export interface Abuse {
  readonly kind: string;
  /** Written in order; a number waits for so many milliseconds. */
  readonly pieces: readonly (Uint8Array | number)[];
  /** What the client does after the last piece: waits for an answer, closes its side, or breaks the connection. */
  readonly end: "wait" | "close" | "break";
}

/** What the server that is abused is like. */
export interface AbuseTarget {
  readonly key: string;
  readonly bodyLimit: number;
  readonly vocab: number;
  /** After so long without a whole request a connection ends. */
  readonly requestTimeoutMs: number;
}

type Make = (random: Random, target: AbuseTarget) => Omit<Abuse, "kind">;

/** The n-th request of a seed. */
export function makeAbuse(seed: number, index: number, target: AbuseTarget): Abuse {
  const random = new Random(seed + Math.imul(index, 0x9e3779b1));
  const kinds = Object.entries(KINDS);
  // Slow ones take a second or two, the others a moment.
  const kind = index % 40 === 0 ? ("slow" as const) : (kinds[index % kinds.length] as [string, Make])[0];
  const make = kind === "slow" ? slow : (KINDS[kind] as Make);
  return { kind, ...make(random, target) };
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const wait = (...pieces: (Uint8Array | string | number)[]): Omit<Abuse, "kind"> => ({
  pieces: pieces.map((piece) => (typeof piece === "string" ? text(piece) : piece)),
  end: "wait",
});

interface Head {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const PATHS = ["/v1/completions", "/v1/chat/completions"];

function head({ key }: AbuseTarget, { method = "POST", path = "/v1/completions", headers = {} }: Head): string {
  const all = {
    ...{ Host: "localhost", Authorization: `Bearer ${key}`, "Content-Type": "application/json", Connection: "close" },
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

/** A whole request with this body. */
function request(target: AbuseTarget, body: Uint8Array | string, options: Head = {}): Omit<Abuse, "kind"> {
  const bytes = typeof body === "string" ? text(body) : body;
  const headers = { "Content-Length": String(bytes.byteLength), ...options.headers };
  return wait(head(target, { ...options, headers }), bytes);
}

const GOOD = { prompt: "Once upon a time", max_tokens: 8, temperature: 0.5, stop: ["a", "b"], logit_bias: { 5: 1 } };
const GOOD_CHAT = { messages: [{ role: "user", content: "Hi" }], max_tokens: 8 };

/** Values that no parameter below takes. */
const WRONG: readonly unknown[] = [
  {},
  { a: [] },
  [[]],
  [null],
  "",
  "wrong",
  -1e300,
  1e300,
  0.123,
  [0.5],
  ["", ""],
  [{}],
];

const NUMBERS = ["max_tokens", "min_tokens", "n", "seed", "top_k", "logprobs"];
const OBJECTS = ["logit_bias", "stream_options"];

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** One more request that never becomes whole. */
const slow: Make = (random, target) => {
  const pause = target.requestTimeoutMs / 4;
  const lines = head(target, { headers: { "Content-Length": "1000" } });
  const at = random.chance(0.5) ? random.below(lines.length - 2) : lines.length;
  const drops = Array.from({ length: 12 }, () => [pause, text("a")]).flat();
  return { pieces: [text(lines.slice(0, at)), ...drops], end: "wait" };
};

const KINDS: Readonly<Record<string, Make>> = {
  "broken JSON": (random, target) => {
    const good = JSON.stringify(random.chance(0.5) ? GOOD : GOOD_CHAT);
    for (;;) {
      const at = random.below(good.length);
      const inserted = random.pick(["", "{", "]", '"', ",", "\\u12", "NaN", "\u0000", "'", "\\"]);
      const broken = good.slice(0, at) + inserted + (random.chance(0.5) ? "" : good.slice(at + random.below(3)));
      if (!isJson(broken)) return request(target, broken, { path: random.pick(PATHS) });
    }
  },
  "no object": (random, target) =>
    request(target, random.pick(["", "null", "1", '"text"', "[]", "[[[]]]", "true", " ", "\n\n", "1e999"])),
  "wrong types": (random, target) => {
    const name = random.pick([...NUMBERS, ...OBJECTS, "stream", "echo", "prompt", "model"]);
    const isTaken = name === "prompt" ? ["", "wrong", ["", ""]] : name === "logit_bias" ? [{}] : [];
    const wrong = WRONG.filter((value) => !isTaken.some((each) => JSON.stringify(each) === JSON.stringify(value)));
    return request(target, JSON.stringify({ ...GOOD, [name]: random.pick(wrong) }));
  },
  "out of range": (random, target) => {
    const [name, value] = random.pick([
      ...[
        ["max_tokens", "1e999"],
        ["max_tokens", "-1"],
        ["max_tokens", "999999999"],
        ["n", "0"],
        ["n", "1000000"],
      ],
      ...[
        ["temperature", "-0.1"],
        ["temperature", "1e999"],
        ["top_p", "2"],
        ["logprobs", "21"],
        ["seed", "1e30"],
      ],
      ...[
        ["frequency_penalty", "-9"],
        ["repetition_penalty", "0"],
        ["stop", JSON.stringify(Array(99).fill("x"))],
      ],
      ...[
        ["logit_bias", '{"5":1e9}'],
        ["logit_bias", '{"-5":1}'],
        ["logit_bias", '{"999999999999999999999":1}'],
      ],
    ]) as [string, string];
    return request(target, `{"prompt":"a","${name}":${value}}`);
  },
  "bad ids": (random, { vocab, ...rest }) => {
    const ids = [vocab, -1, 0.5, 2 ** 53, "5", null, [], 1e300];
    const bad = random.pick(ids);
    const prompt = random.pick([[bad, 1], [1, bad], [[1], [bad]], [[1], bad], [["1", bad]]]);
    // A text beside ids is a prompt too, and [] among ids is one that is empty: neither can be read as one of the others.
    const isRight = Array.isArray(prompt) && prompt.every((each) => typeof each === "string");
    return request({ vocab, ...rest }, JSON.stringify({ prompt: isRight ? [bad, -1] : prompt, stop_token_ids: [-1] }));
  },
  "bad chats": (random, target) => {
    const content = random.pick(["Hi", 5, null, [], [{}], [{ type: "image_url" }], [{ type: "text", text: 5 }], {}]);
    const role = random.pick(["robot", "__proto__", "constructor", "", 5, null, {}, "tool", "USER"]);
    const messages = random.pick<unknown>([[{ role, content }], [[]], [null], "Hi", {}, [], [{ role: "user" }]]);
    return request(target, JSON.stringify({ messages }), { path: "/v1/chat/completions" });
  },
  "unknown parameters": (random, target) => {
    const name = random.pick([
      "__proto__",
      "constructor",
      "toString",
      "hasOwnProperty",
      "prototype",
      "x",
      "",
      "\u0000",
    ]);
    const path = random.pick(PATHS);
    const good = JSON.stringify(path === PATHS[0] ? GOOD : GOOD_CHAT);
    const value = random.pick(['{"polluted":true}', "1", '"a"', "[]"]);
    return request(target, `{${JSON.stringify(name)}:${value},${good.slice(1)}`, { path });
  },
  "prototype keys": (random, target) => {
    const key = random.pick(["__proto__", "constructor", "prototype", "valueOf"]);
    return request(target, `{"prompt":"a","logit_bias":{"${key}":{"polluted":true}}}`);
  },
  "deep nesting": (random, target) => {
    const depth = 1 + random.below(target.bodyLimit / 12);
    const [open, close] = random.pick([
      ["[", "]"],
      ['{"a":', "}"],
    ] as const);
    const deep = `${open.repeat(depth)}${random.chance(0.5) ? `1${close.repeat(depth)}` : ""}`;
    const wrapped = random.pick([deep, `{"prompt":[${deep}]}`, `{"prompt":"a","logit_bias":${deep}}`, `{"x":${deep}}`]);
    return request(target, wrapped);
  },
  "no UTF-8": (random, target) => {
    const good = text(JSON.stringify(GOOD));
    good[random.below(good.length)] = random.pick([0xff, 0xfe, 0xc0, 0x80, 0xf8]);
    return request(target, good);
  },
  "too large": (random, target) => {
    const body = `{"prompt":"${"a".repeat(target.bodyLimit + random.below(target.bodyLimit * 3))}"}`;
    return request(target, body);
  },
  "said to be too large": (random, target) => {
    const length = random.pick(["999999999999", "18446744073709551617", "65537", "-1", "0x10", "1e9"]);
    return wait(head(target, { headers: { "Content-Length": length } }), "{");
  },
  "too large in chunks": (random, target) => {
    const chunk = `4000\r\n${"a".repeat(0x4000)}\r\n`;
    const chunks = chunk.repeat(Math.ceil(target.bodyLimit / 0x4000) + random.below(8));
    return wait(head(target, { headers: { "Transfer-Encoding": "chunked" } }), chunks, "1\r\na\r\n0\r\n\r\n");
  },
  "chunks that are none": (random, target) => {
    const chunks = random.pick([
      "zz\r\n\r\n",
      "-5\r\nabcde\r\n",
      "FFFFFFFFFFFFFFFFF\r\n",
      "5\r\nabcdefgh\r\n0\r\n\r\n",
      "\r\n\r\n",
      `5;${"x".repeat(20_000)}\r\n`,
    ]);
    return wait(head(target, { headers: { "Transfer-Encoding": "chunked" } }), chunks);
  },
  truncated: (random, target) => {
    const body = JSON.stringify(GOOD);
    const whole = head(target, { headers: { "Content-Length": String(body.length) } }) + body;
    return {
      pieces: [text(whole.slice(0, random.below(whole.length)))],
      end: random.pick(["close", "break"] as const),
    };
  },
  "half closed": (random, target) => ({
    ...request(target, random.pick(['{"prompt":5}', "{", "{}"])),
    end: "close",
  }),
  "given up": (random, target) => ({
    // The only ones that are right: nobody waits for the answer.
    ...request(
      target,
      JSON.stringify({ ...GOOD, max_tokens: 200, stream: random.chance(0.5), n: 1 + random.below(4) }),
    ),
    end: "break",
  }),
  "other addresses": (random, target) => {
    const path = random.pick([
      ...["/", "/v1", "/v1/", "/v2/completions", "/v1/completions/", "//v1/completions", "/v1/../etc/passwd", "/%00"],
      ...["/%", "/%zz", "/v1/models/%E0%A4%A", "/v1/models/other", "/v1/models/", `/${"a".repeat(4000)}`, "/.env"],
      ...["/v1/completions%20", "/\\", "*", "http://", "/v1/completions?a=%", "/__proto__", "/constructor", "/é"],
    ]);
    // With a query, the address is right and its body is not.
    return request(target, "{}", { path, method: random.pick(["GET", "POST", "DELETE", "HEAD"]) });
  },
  "other methods": (random, target) => {
    const method = random.pick([
      "GET",
      "PUT",
      "DELETE",
      "PATCH",
      "HEAD",
      "OPTIONS",
      "TRACE",
      "CONNECT",
      "BREW",
      "get",
      "P\u0000",
      "",
    ]);
    return request(target, "{}", { method, path: random.pick(PATHS) });
  },
  "other types": (random, target) => {
    const type = random.pick([
      "text/plain",
      "multipart/form-data; boundary=x",
      "application/json-patch+json",
      "",
      ";;;",
      "é",
    ]);
    const headers = random.chance(0.7)
      ? { "Content-Type": type }
      : { "Content-Encoding": random.pick(["gzip", "br", "x"]) };
    return request(target, JSON.stringify(GOOD), { headers: headers as Readonly<Record<string, string>> });
  },
  "other keys": (random, target) => {
    const value = random.pick([
      "",
      "Bearer",
      "Bearer ",
      `Bearer ${target.key}x`,
      "Basic YTpi",
      `Bearer ${"k".repeat(8000)}`,
      "\u00ff",
    ]);
    return request(target, JSON.stringify(GOOD), { headers: { Authorization: value } });
  },
  "odd headers": (random, target) => {
    const lines = head(target, { headers: { "Content-Length": "2" } }).slice(0, -2);
    const odd = random.pick([
      ...[`X: ${"x".repeat(17_000)}`, "no colon", ": no name", "Bad Name: x", "X: a\u0000b", " folded: x"],
      ...["Content-Length: 5", "Transfer-Encoding: chunked", "Expect: the-unexpected", "Transfer-Encoding: gzip"],
      ...[Array.from({ length: 3000 }, (_, at) => `X${at}: x`).join("\r\n")],
    ]);
    return wait(`${lines}${odd}\r\n\r\n{}`);
  },
  "odd hosts": (random, target) => {
    const host = random.pick(["", "a b", "a/b", "[::1", "http://a", "@", "a:99999999", "\u00e9"]);
    return request(target, "{}", { headers: { Host: host } });
  },
  "no HTTP": (random) => {
    const pieces = random.pick<Uint8Array | string>([
      ...[randomBytes(random, 1 + random.below(2000)), "\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"],
      ...[
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
        "\u0000".repeat(100),
      ],
      ...["SSH-2.0-OpenSSH_9.0\r\n", "G".repeat(70_000), "GET /health\r\n\r\n"],
    ]);
    return { ...wait(pieces), end: random.pick(["wait", "close"] as const) };
  },
};
