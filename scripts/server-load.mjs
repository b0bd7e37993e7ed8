/**
 * Many clients at once at `blackmamba serve`, in a process of its own, on the storyteller: whether each gets what it would get alone, and
 * how that compares with one client at a time. Used by `bench-server.mjs`, and in a short version by its test.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { root } from "./setup.mjs";

/**
 * @typedef {object} LoadOptions
 * @property {"cpu" | "webgpu"} device
 * @property {number} clients - streams at once
 * @property {number} seconds - for so long
 * @property {number} [aloneSeconds] - one client at a time for so long; by default a tenth of that, 30 at most
 * @property {(line: string) => void} [onStage] - told what comes next
 */

/**
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} most
 */

/**
 * @typedef {object} LoadReport
 * @property {LoadOptions["device"]} device
 * @property {number} clients
 * @property {number} seconds
 * @property {number} answers - that came to their end
 * @property {number} vanished - clients that left in the midst of one
 * @property {string[]} errors - what clients were told, or what broke
 * @property {string[]} mixedUp - answers with another's text
 * @property {string[]} different - answers that are not what the model says alone, for any other reason
 * @property {Summary & { readonly ratio: number }} firstTokenMs
 * @property {Summary} tokenMs - from one token of a text to the next
 * @property {{ readonly alone: number, readonly together: number, readonly ratio: number }} tokensPerSecond
 * @property {{ readonly slowestMs: number, readonly steps: number }} freedSlot - after a client vanished, until its slot is free: also
 *   as the most tokens that others got in that time
 * @property {{ readonly rss: Growth, readonly heap: Growth }} memory
 */

/**
 * Bytes in the fifth of the time that follows the warm-up and in the last fifth. Of the resident memory the median; of the heap, which
 * rises until it is swept, the least.
 *
 * @typedef {object} Growth
 * @property {number} before
 * @property {number} after
 * @property {number} percent
 */

/** What is asked, and how much of an answer: of different lengths, so that texts come and go at different times. */
const PROMPTS = [
  ...["Once upon a time", "The dog was", "One day, a little girl", "There was a big red", "Tom and his sister"],
  ...["The sun was", "A small cat named", "Lily liked to", "In the forest there lived", "The old man had"],
  ...["Ben found a", "Every morning the bird", "It was raining and", "Mom said that", "The boy wanted a new"],
  ...[
    "Sara went to the park with her",
    "A brave mouse",
    "The train was late, so",
    "Max saw a shiny",
    "They were playing",
  ],
].map((prompt, index) => ({ prompt, maxTokens: 16 + ((index * 7) % 33) }));

/** One in so many clients leaves in the midst of its answer. */
const VANISHING = 16;

/** Of the time with all clients: what is compiled and kept from then on is. */
const WARM_UP = 0.2;

/** Clients that read on while others vanish, and those. */
const STEADY = 2;
const VANISH_ROUNDS = 10;
const LOOK_MS = 4;

/**
 * @param {LoadOptions} options
 * @returns {Promise<LoadReport>}
 */
export async function runServerLoad({ device, clients, seconds, onStage = () => {}, ...options }) {
  const { aloneSeconds = Math.min(30, seconds / 10) } = options;
  onStage(`what the model says to ${PROMPTS.length} prompts, alone`);
  const expected = await answersAlone(device);

  const server = await startServer(device, clients);
  try {
    onStage(`one client at a time, ${aloneSeconds} s`);
    const alone = await runClients(server.url, expected, { clients: 1, seconds: aloneSeconds, vanish: false });

    onStage(`${clients} clients, ${seconds} s`);
    const watch = watchMemory(server.url);
    const together = await runClients(server.url, expected, { clients, seconds, vanish: true });
    const samples = await watch.end();

    onStage("clients that vanish");
    const freedSlot = await measureFreedSlots(server.url);
    const firstTokenMs = summary(together.firstTokenMs);
    return {
      ...{ device, clients, seconds, answers: together.answers, vanished: together.vanished },
      ...{ errors: [...alone.errors, ...together.errors], mixedUp: together.mixedUp },
      different: [...alone.different, ...together.different],
      firstTokenMs: { ...firstTokenMs, ratio: firstTokenMs.most / firstTokenMs.median },
      tokenMs: summary(together.tokenMs),
      tokensPerSecond: {
        alone: alone.tokensPerSecond,
        together: together.tokensPerSecond,
        ratio: together.tokensPerSecond / alone.tokensPerSecond,
      },
      freedSlot,
      memory: {
        rss: growth(
          samples.map(({ rss }) => rss),
          median,
        ),
        heap: growth(
          samples.map(({ heap }) => heap),
          (values) => Math.min(...values),
        ),
      },
    };
  } finally {
    await server.stop();
  }
}

/**
 * What does not hold, as lines; none where all is well. Timings are only held where there was time for them.
 *
 * @param {LoadReport} report
 * @param {{ readonly timings: boolean }} options
 */
export function failedBars(report, { timings }) {
  const { errors, mixedUp, different, firstTokenMs, tokensPerSecond, freedSlot, memory } = report;
  /** @type {[boolean, string][]} */
  const bars = [
    [errors.length === 0, `${errors.length} errors, the first: ${errors[0]}`],
    [mixedUp.length === 0, `${mixedUp.length} texts were mixed up, the first: ${mixedUp[0]}`],
    [
      different.length === 0,
      `${different.length} answers are not what the model says alone, the first: ${different[0]}`,
    ],
    // The step under way when it left, and the one in which the server was asked.
    [
      freedSlot.steps <= 2,
      `a slot was free ${freedSlot.steps} steps after its client had vanished, expected at most 2`,
    ],
  ];
  if (timings) {
    const { rss, heap } = memory;
    bars.push(
      [
        firstTokenMs.ratio <= 4,
        `the slowest first token took ${firstTokenMs.ratio.toFixed(1)} times the median, expected 4 at most`,
      ],
      [
        tokensPerSecond.ratio >= 5,
        `${tokensPerSecond.ratio.toFixed(1)} times the throughput of one client, expected 5 at least`,
      ],
      [rss.percent <= 5, `resident memory grew by ${rss.percent.toFixed(1)} %, expected 5 at most`],
      [heap.percent <= 5, `the heap grew by ${heap.percent.toFixed(1)} %, expected 5 at most`],
    );
  }
  return bars.filter(([holds]) => !holds).map(([, message]) => message);
}

/**
 * The greedy answers, one after the other, through the library.
 *
 * @param {LoadOptions["device"]} device
 * @returns {Promise<string[]>}
 */
async function answersAlone(device) {
  const [{ BlackMamba }, { modelFolder }] = await Promise.all([
    import("@blackmamba/model"),
    import("@blackmamba/storyteller"),
  ]);
  const model = await BlackMamba.load(modelFolder, { device });
  const answers = [];
  for (const { prompt, maxTokens } of PROMPTS) {
    let text = "";
    for await (const token of model.generate(prompt, { maxTokens })) text += token.text;
    answers.push(text);
  }
  await model.dispose();
  return answers;
}

/**
 * @param {LoadOptions["device"]} device
 * @param {number} clients
 */
async function startServer(device, clients) {
  const main = join(root, "apps", "cli", "dist", "main.js");
  const slots = String(Math.max(clients, STEADY + 1));
  const args = ["serve", "--device", device, "--port", "0", "--batch-size", slots, "--quiet"];
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  // Whatever becomes of this process, the server goes with it.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const url = await Promise.race([
    new Promise((resolve) => createInterface(child.stdout).once("line", resolve)),
    exited.then(() => Promise.reject(new Error(`blackmamba serve ended: ${said}`))),
  ]);
  return {
    url: /** @type {string} */ (url),
    async stop() {
      process.off("exit", kill);
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/**
 * Clients that ask one thing after the other.
 *
 * @param {string} url
 * @param {readonly string[]} expected
 * @param {{ readonly clients: number, readonly seconds: number, readonly vanish: boolean }} options
 */
async function runClients(url, expected, { clients, seconds, vanish }) {
  const result = {
    answers: 0,
    vanished: 0,
    errors: /** @type {string[]} */ ([]),
    mixedUp: /** @type {string[]} */ ([]),
    different: /** @type {string[]} */ ([]),
    firstTokenMs: /** @type {number[]} */ ([]),
    tokenMs: /** @type {number[]} */ ([]),
  };
  let tokens = 0;
  const start = performance.now();
  const end = start + seconds * 1000;

  /** @param {number} client */
  async function ask(client) {
    for (let turn = 0; performance.now() < end; turn++) {
      const index = (client * 5 + turn) % PROMPTS.length;
      const isVanishing = vanish && (client + turn) % VANISHING === 0;
      try {
        const { text, finished, timesMs } = await stream(
          url,
          PROMPTS[index],
          isVanishing ? 3 : Number.POSITIVE_INFINITY,
        );
        tokens += timesMs.length;
        if (timesMs[0] !== undefined) result.firstTokenMs.push(timesMs[0]);
        for (let at = 1; at < timesMs.length; at++) {
          result.tokenMs.push(/** @type {number} */ (timesMs[at]) - /** @type {number} */ (timesMs[at - 1]));
        }
        if (!finished) result.vanished += 1;
        else result.answers += 1;
        const right = expected[index] ?? "";
        if (finished ? text === right : right.startsWith(text)) continue;
        const isAnothers = expected.some(
          (other, at) => at !== index && text !== "" && other.startsWith(text.slice(0, 12)),
        );
        const line = `${PROMPTS[index]?.prompt} → ${JSON.stringify(text)}, expected ${JSON.stringify(right)}`;
        (isAnothers ? result.mixedUp : result.different).push(line);
      } catch (error) {
        result.errors.push(error instanceof Error ? `${error.message} ${error.cause ?? ""}` : String(error));
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)));
  return { ...result, tokensPerSecond: (tokens * 1000) / (performance.now() - start) };
}

/**
 * Streams one answer, or as many tokens of it as are wanted.
 *
 * @param {string} url
 * @param {{ readonly prompt: string, readonly maxTokens: number } | undefined} question
 * @param {number} tokens
 * @param {() => void} [onToken]
 */
async function stream(url, question, tokens, onToken) {
  const start = performance.now();
  const leaving = new AbortController();
  const body = { prompt: question?.prompt, max_tokens: question?.maxTokens, temperature: 0, stream: true };
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: leaving.signal,
  });
  if (!response.ok || !response.body) throw new Error(`${response.status} ${await response.text()}`);
  let text = "";
  let rest = "";
  /** @type {number[]} */
  const timesMs = [];
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + chunk).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      if (!event.startsWith("data: ")) continue;
      const data = event.slice("data: ".length);
      if (data === "[DONE]") return { text, finished: true, timesMs };
      const { choices, error } = JSON.parse(data);
      if (error) throw new Error(error.message);
      if (choices[0].finish_reason !== null) continue;
      text += choices[0].text;
      timesMs.push(performance.now() - start);
      onToken?.();
      if (timesMs.length < tokens) continue;
      // Leaving the loop cancels the body, which breaks the connection.
      leaving.abort();
      return { text, finished: false, timesMs };
    }
  }
  throw new Error(`a stream ended without [DONE], after ${JSON.stringify(text)}`);
}

/**
 * Clients that vanish while others read on: how long their slots stay taken.
 *
 * @param {string} url
 */
async function measureFreedSlots(url) {
  let isOver = false;
  let steps = 0;
  const endless = { prompt: "Once upon a time", maxTokens: 4096 };
  const steady = Array.from({ length: STEADY }, async (_, client) => {
    // One of them counts the steps.
    while (!isOver) await stream(url, endless, 200, client === 0 ? () => (steps += 1) : undefined);
  });
  const active = async () => (await readMetrics(url))("blackmamba_texts_active");
  let [slowestMs, mostSteps] = [0, 0];
  for (let round = 0; round < VANISH_ROUNDS; round++) {
    await until(async () => (await active()) === STEADY);
    await stream(url, endless, 5);
    const [leftAt, stepsBefore] = [performance.now(), steps];
    // An answer takes steps itself: many are asked for, and what counts is when one was asked for that still says the slot is taken.
    let isFree = false;
    const looks = [];
    while (!isFree) {
      const stepsThen = steps - stepsBefore;
      const look = active().then((found) => {
        if (found > STEADY) return stepsThen;
        if (!isFree) slowestMs = Math.max(slowestMs, performance.now() - leftAt);
        isFree = true;
        return 0;
      });
      looks.push(look);
      await setTimeout(LOOK_MS);
    }
    mostSteps = Math.max(mostSteps, ...(await Promise.all(looks)));
  }
  isOver = true;
  await Promise.all(steady);
  return { slowestMs, steps: mostSteps };
}

/**
 * Looks at the server's memory once a second, or ten times in all where that is more often.
 *
 * @param {string} url
 */
function watchMemory(url) {
  const stop = new AbortController();
  /** @type {{ rss: number, heap: number }[]} */
  const samples = [];
  const done = (async () => {
    while (!stop.signal.aborted) {
      const metric = await readMetrics(url);
      samples.push({ rss: metric("process_resident_memory_bytes"), heap: metric("nodejs_heap_size_used_bytes") });
      await setTimeout(500, undefined, { signal: stop.signal }).catch(() => {});
    }
  })();
  return {
    async end() {
      stop.abort();
      await done;
      return samples;
    },
  };
}

/** @param {string} url @returns {Promise<(name: string) => number>} */
async function readMetrics(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** @param {() => Promise<boolean>} holds */
async function until(holds) {
  const end = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("what was waited for did not come in 30 s");
    await setTimeout(1);
  }
}

/** @param {number[]} samples @param {(values: number[]) => number} typical @returns {Growth} */
function growth(samples, typical) {
  const rest = samples.slice(Math.floor(samples.length * WARM_UP));
  const part = Math.max(1, Math.floor(rest.length / 5));
  const [before, after] = [typical(rest.slice(0, part)), typical(rest.slice(-part))];
  return { before, after, percent: (after / before - 1) * 100 };
}

/** @param {number[]} values @returns {Summary} */
function summary(values) {
  return { median: median(values), most: values.reduce((most, value) => Math.max(most, value), 0) };
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
