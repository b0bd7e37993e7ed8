/**
 * The page's end of a connection to a model's worker: makes calls, tells aborts, and knows when the worker is gone. Knows nothing of
 * models.
 */
import { OptionError, WorkerError } from "../errors.ts";
import type { Methods, PageMessage, SentArgument, WorkerMessage } from "./protocol.ts";
import { receiveError } from "./sent-error.ts";

/** What of a `Worker` is needed. */
export type WorkerPort = Pick<Worker, "postMessage" | "addEventListener" | "terminate">;

/** A method's subject, options and what it answers. */
type Subject<M> = M extends (subject: infer S, ...rest: never[]) => unknown ? S : never;
type Options<M> = M extends (subject: never, options: infer O) => unknown ? O : never;
type Answer<M> = M extends (...args: never[]) => PromiseLike<infer A> ? A : never;
type Piece<M> = M extends (...args: never[]) => AsyncIterable<infer P> ? P : never;
/** Nothing of a generator that has no end of its own. */
type Return<M> = M extends (...args: never[]) => AsyncGenerator<unknown, infer R>
  ? [R] extends [never]
    ? undefined
    : R
  : never;

/** What comes of a call: its result, or pieces of it. */
type Result = Extract<WorkerMessage, { type: "result" }>;
type Pieces = Extract<WorkerMessage, { type: "pieces" }>;
type Outcome = Result | Pieces;

type Callbacks = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/** A call under way, which is answered once, or piece by piece. */
class Call {
  readonly signal: AbortSignal | undefined;
  /** The answer that is waited for now. */
  answer!: Promise<Outcome>;
  /** Resolves with the last one. */
  readonly ended: Promise<void>;
  #resolve!: (outcome: Outcome) => void;
  #reject!: (reason: unknown) => void;
  readonly #abort: () => void;
  #end!: () => void;

  /** @param abort - called when the signal aborts before the call has ended */
  constructor(signal: AbortSignal | undefined, abort: () => void) {
    this.signal = signal;
    this.#abort = abort;
    signal?.addEventListener("abort", abort);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.expect();
  }

  /** From now on another answer is waited for. */
  expect(): Promise<Outcome> {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // It may come when nobody waits for it any more.
    this.answer.catch(() => {});
    return this.answer;
  }

  resolve(outcome: Outcome): void {
    this.#resolve(outcome);
  }

  reject(reason: unknown): void {
    this.#reject(reason);
  }

  /** No more answers come. */
  end(): this {
    this.signal?.removeEventListener("abort", this.#abort);
    this.#end();
    return this;
  }
}

/** The number of no call, but of the worker's start. */
const START = 0;

/** A worker that serves {@link Methods}. */
export class Connection<M extends Methods> {
  readonly #worker: WorkerPort;
  readonly #calls = new Map<number, Call>();
  /** By call. A worker may go on telling when a call was answered, as long as there is a model. */
  readonly #callbacks = new Map<number, Callbacks>();
  #lastId = 0;
  /** Why there is no worker any more. */
  #closed: { readonly reason: unknown } | undefined;

  private constructor(worker: WorkerPort) {
    this.#worker = worker;
  }

  /**
   * Waits until a worker has started.
   *
   * @throws WorkerError where it does not
   */
  static async open<M extends Methods>(create: () => WorkerPort, signal?: AbortSignal): Promise<Connection<M>> {
    const connection = new Connection<M>(startWorker(create));
    await connection.#start(signal);
    return connection;
  }

  /** Calls a method that answers once. */
  async call<K extends keyof M & string>(
    method: K,
    subject: Subject<M[K]>,
    options: Options<M[K]> & object = {} as never,
  ): Promise<Answer<M[K]>> {
    const { call } = this.#post(method, subject, options);
    const { value } = (await call.answer) as Result;
    // The worker may not have heard of it in time.
    call.signal?.throwIfAborted();
    return value as Answer<M[K]>;
  }

  /**
   * Calls a method that yields, and returns what it returns. What the worker does ahead is one message; it ends as soon as nobody wants
   * more.
   */
  async *stream<K extends keyof M & string>(
    method: K,
    subject: Subject<M[K]>,
    options: Options<M[K]> & object = {} as never,
  ): AsyncGenerator<Piece<M[K]>, Return<M[K]>, undefined> {
    const { id, call } = this.#post(method, subject, options);
    try {
      for (;;) {
        const answer = (await call.answer) as Pieces;
        // Made while those that came are read.
        if (!answer.isDone) {
          call.expect();
          this.#send({ type: "next", id });
        }
        for (const piece of answer.pieces) {
          call.signal?.throwIfAborted();
          yield piece as Piece<M[K]>;
        }
        if (answer.isDone) return answer.result as Return<M[K]>;
      }
    } finally {
      if (this.#calls.has(id) && !call.signal?.aborted) this.#send({ type: "abort", id });
      if (this.#calls.has(id)) await call.ended;
    }
  }

  /** Ends all that is under way: it fails with the reason. */
  cancel(reason: unknown): void {
    for (const [id, call] of this.#calls) {
      this.#send({ type: "abort", id });
      call.reject(reason);
    }
  }

  /** Ends the worker; what waits for it fails with the reason, and so does what is asked later. */
  close(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = { reason };
    this.#worker.terminate();
    for (const call of this.#calls.values()) call.end().reject(reason);
    this.#calls.clear();
    this.#callbacks.clear();
  }

  async #start(signal: AbortSignal | undefined): Promise<void> {
    const started = new Call(signal, () => this.close(signal?.reason));
    this.#calls.set(START, started);
    this.#listen();
    await started.answer;
  }

  #listen(): void {
    const worker = this.#worker;
    worker.addEventListener("message", ({ data }) => this.#receive(data as WorkerMessage));
    worker.addEventListener("error", (event) => {
      const found = event.message ? `: ${event.message}` : "; was its script found? See the console";
      this.close(new WorkerError(`the model's worker failed${found}`, { cause: event.error }));
    });
    worker.addEventListener("messageerror", () => {
      this.close(new WorkerError("the model's worker sent something that could not be read"));
    });
  }

  #receive(message: WorkerMessage): void {
    if (this.#closed) return;
    switch (message.type) {
      case "ready":
        this.#watch(message.lock);
        this.#end(START)?.resolve({ type: "result", id: START, value: undefined });
        break;
      case "result":
        this.#end(message.id)?.resolve(message);
        break;
      case "pieces":
        (message.isDone ? this.#end(message.id) : this.#calls.get(message.id))?.resolve(message);
        break;
      case "error":
        this.#end(message.id)?.reject(receiveError(message.error));
        break;
      case "aborted": {
        const call = this.#end(message.id);
        call?.reject(call.signal?.reason);
        break;
      }
      case "callback":
        this.#callBack(message.id, message.name, message.args);
        break;
    }
  }

  /** Learns that the worker is gone, however it ended: the browser then gives its lock to who waits for it. */
  #watch(lock: string | undefined): void {
    const ended = () => this.close(new WorkerError("the model's worker was ended; load the model again"));
    if (lock) navigator.locks.request(lock, ended).catch(() => {});
  }

  /** Takes out a call that has come to its end. */
  #end(id: number): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call?.end();
  }

  #callBack(id: number, name: string, args: readonly SentArgument[]): void {
    try {
      this.#callbacks.get(id)?.[name]?.(...args.map((arg) => ("error" in arg ? receiveError(arg.error) : arg.value)));
    } catch (error) {
      // As where there is no worker: what a callback throws ends what called it.
      const call = this.#end(id);
      if (!call) throw error;
      this.#send({ type: "abort", id });
      call.reject(error);
    }
  }

  #post(method: string, subject: unknown, all: object): { readonly id: number; readonly call: Call } {
    const { signal, ...rest } = all as { readonly signal?: AbortSignal };
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closed.reason;
    this.#lastId += 1;
    const id = this.#lastId;
    const isCallback = ([, value]: [string, unknown]) => typeof value === "function";
    const callbacks = Object.entries(rest).filter(isCallback);
    const options = Object.fromEntries(Object.entries(rest).filter((entry) => !isCallback(entry)));
    const names = callbacks.map(([name]) => name);
    this.#send({ type: "call", id, method, subject, options, callbacks: names });
    if (names.length > 0) this.#callbacks.set(id, Object.fromEntries(callbacks) as Callbacks);
    const call = new Call(signal, () => this.#send({ type: "abort", id }));
    this.#calls.set(id, call);
    return { id, call };
  }

  #send(message: PageMessage): void {
    if (this.#closed) return;
    try {
      this.#worker.postMessage(message);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "DataCloneError") || message.type !== "call") throw error;
      const [name, found] = findUncopied(message.subject) ?? findUncopied(message.options) ?? [];
      throw new OptionError(name || message.method, "what can be copied into a worker", found ?? error.message);
    }
  }
}

function startWorker(create: () => WorkerPort): WorkerPort {
  try {
    return create();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new WorkerError(`the model's worker could not be made: ${message}`, { cause });
  }
}

/** The first function within a value, and where it is. */
function findUncopied(
  value: unknown,
  path = "",
  seen = new Set<object>(),
): readonly [path: string, found: string] | undefined {
  if (typeof value === "function" || typeof value === "symbol") return [path, `a ${typeof value}`];
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return undefined;
  seen.add(value);
  for (const [key, inner] of Object.entries(value)) {
    const found = findUncopied(inner, path ? `${path}.${key}` : key, seen);
    if (found) return found;
  }
  return undefined;
}
