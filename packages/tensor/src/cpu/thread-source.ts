/**
 * What each worker thread of the CPU device runs: JavaScript as a string, as that survives every bundler, package and host.
 *
 * A worker instantiates the WebAssembly modules that it is sent, on the shared memory. Then it waits in its words of that
 * memory for jobs: first it spins, as the next matrix mostly follows within microseconds and waking up takes longer than
 * that; then it sleeps. It returns to its event loop only when a message has been announced.
 */

/** Which 32-bit word of the control block is what. Words that different threads write are on cache lines of their own. */
export const WORD = {
  /** Number of the job; odd while it is open. Sleeping workers wait for it to change. */
  job: 0,
  /** Index of the function among all that were sent. */
  task: 1,
  /** Address of its arguments. */
  args: 2,
  /** How many pieces of work there are. */
  count: 3,
  /** How many of them to take at a time. */
  step: 4,
  /** Messages announced so far. */
  messages: 5,
  /** 1 while the main thread sleeps until no worker is active. */
  mainSleeps: 6,
  /** The first piece that no one has taken. */
  next: 16,
  /** Workers in the job. */
  active: 32,
  /** Workers asleep. */
  asleep: 33,
  /** 1 after a worker's task has failed. */
  failed: 34,
} as const;

/** Bytes of the control block. */
export const CONTROL_BYTE_LENGTH = 256;

/** How long a worker spins after a job, in milliseconds. */
const SPIN_MS = 0.2;

/** The worker's code; `listen(handler)` must be there, and hand each message's data to the handler. */
export const THREAD_SOURCE = `
const tasks = [];
let memory, control, scratch, received = 0, seen = 0;

function work() {
  let idleSince = performance.now();
  for (let spins = 1; Atomics.load(control, ${WORD.messages}) === received; spins++) {
    const job = Atomics.load(control, ${WORD.job});
    if (job % 2 === 0 || job === seen) {
      if (spins % 64 !== 0 || performance.now() - idleSince < ${SPIN_MS}) continue;
      Atomics.add(control, ${WORD.asleep}, 1);
      Atomics.wait(control, ${WORD.job}, job);
      Atomics.sub(control, ${WORD.asleep}, 1);
      idleSince = performance.now();
      continue;
    }
    seen = job;
    Atomics.add(control, ${WORD.active}, 1);
    // Still open: now the main thread waits for this one before it changes any word.
    if (Atomics.load(control, ${WORD.job}) === job) takePieces();
    const others = Atomics.sub(control, ${WORD.active}, 1) - 1;
    if (others === 0 && Atomics.load(control, ${WORD.mainSleeps})) Atomics.notify(control, ${WORD.active});
    idleSince = performance.now();
  }
}

function takePieces() {
  const task = tasks[control[${WORD.task}]];
  if (!task) return;
  const args = control[${WORD.args}], count = control[${WORD.count}], step = control[${WORD.step}];
  try {
    for (let from; (from = Atomics.add(control, ${WORD.next}, step)) < count; ) {
      task(args, from, Math.min(from + step, count), scratch);
    }
  } catch {
    Atomics.store(control, ${WORD.failed}, 1);
  }
}

listen((message) => {
  received++;
  if (message.memory) {
    memory = message.memory;
    control = new Int32Array(memory.buffer, message.control, ${CONTROL_BYTE_LENGTH / 4});
    scratch = message.scratch;
  } else {
    const { exports } = new WebAssembly.Instance(message.module, { env: { memory } });
    for (const name of message.names) tasks.push(exports[name]);
  }
  if (Atomics.load(control, ${WORD.messages}) === received) work();
});
`;
