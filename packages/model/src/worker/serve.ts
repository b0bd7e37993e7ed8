/**
 * The worker's end of a connection: does what the page asks, and tells it what came of it. Knows nothing of models.
 */
import { nextTurn } from "@blackmamba/tensor";
import type { Methods, PageMessage, SentArgument, SentPieces, WorkerMessage } from "./protocol.ts";
import { sendError } from "./sent-error.ts";
import { transferablesOf } from "./transferables.ts";

/**
 * How long pieces are gathered for one message: a page that draws 60 pictures a second is asked for less than it could show, and has
 * few messages to read.
 */
const MAX_GATHERING_MS = 8;

/** A call under way. */
interface ServedCall {
  readonly controller: AbortController;
  readonly pieces?: Pieces | undefined;
}

/** Where messages come and go: a worker's own scope. */
export interface WorkerScope {
  addEventListener(type: "message", listen: (event: MessageEvent<PageMessage>) => void): void;
  postMessage(message: WorkerMessage, options: { readonly transfer: Transferable[] }): void;
}

/** Serves these methods until the worker is ended. */
export async function serve(scope: WorkerScope, methods: Methods): Promise<void> {
  const calls = new Map<number, ServedCall>();
  const post = (message: WorkerMessage, transfer: Transferable[] = []) => scope.postMessage(message, { transfer });

  const end = (id: number, message: WorkerMessage, transfer?: Transferable[]) => {
    calls.delete(id);
    post(message, transfer);
  };

  const fail = (id: number, error: unknown) => {
    const { signal } = calls.get(id)?.controller ?? {};
    const isAbort = signal?.aborted && error === signal.reason;
    end(id, isAbort ? { type: "aborted", id } : { type: "error", id, error: sendError(error) });
  };

  const call = async ({ id, method, subject, options, callbacks }: PageMessage & { readonly type: "call" }) => {
    const controller = new AbortController();
    calls.set(id, { controller });
    try {
      const tellers = callbacks.map((name) => {
        const tell = (...args: unknown[]) => post({ type: "callback", id, name, args: args.map(sendArgument) });
        return [name, tell] as const;
      });
      const all = { ...options, ...Object.fromEntries(tellers), signal: controller.signal };
      const answer = methods[method]?.(subject as never, all as never);
      if (isIterator(answer)) {
        calls.set(id, { controller, pieces: new Pieces(answer) });
        await next(id);
        return;
      }
      const value = await answer;
      end(id, { type: "result", id, value }, transferablesOf(value));
    } catch (error) {
      fail(id, error);
    }
  };

  const next = async (id: number) => {
    const own = calls.get(id);
    if (!own?.pieces) return;
    try {
      const taken = await own.pieces.take();
      // Once it is aborted, that is what is answered.
      if (own.controller.signal.aborted) return;
      if (taken.isDone) calls.delete(id);
      post({ type: "pieces", id, ...taken });
    } catch (error) {
      if (!own.controller.signal.aborted) fail(id, error);
    }
  };

  const abort = async (id: number) => {
    const own = calls.get(id);
    if (!own || own.controller.signal.aborted) return;
    own.controller.abort();
    if (!own.pieces) return;
    await own.pieces.end();
    end(id, { type: "aborted", id });
  };

  scope.addEventListener("message", ({ data }) => {
    if (data.type === "call") void call(data);
    else if (data.type === "next") void next(data.id);
    else if (data.type === "abort") void abort(data.id);
  });
  post({ type: "ready", lock: await holdLock() });
}

/** What a generator yields, as much as is there at a time. */
class Pieces {
  readonly #pieces: AsyncIterator<unknown>;
  #next: Promise<IteratorResult<unknown>> | undefined;

  constructor(pieces: AsyncIterator<unknown>) {
    this.#pieces = pieces;
  }

  /** At least one piece, unless it is done, and those that come without waiting. */
  async take(): Promise<SentPieces> {
    const pieces: unknown[] = [];
    const until = performance.now() + MAX_GATHERING_MS;
    do {
      const { done, value } = await this.#pull();
      if (done) return { pieces, isDone: true, result: value };
      pieces.push(value);
    } while (performance.now() < until && (await this.#isNextThere()));
    return { pieces, isDone: false };
  }

  /** Ends the generator, and resolves when it has. */
  async end(): Promise<void> {
    this.#next?.catch(() => {});
    await this.#pieces.return?.().catch(() => {});
  }

  async #pull(): Promise<IteratorResult<unknown>> {
    const next = this.#next ?? this.#pieces.next();
    this.#next = undefined;
    return next;
  }

  /** Whether the next piece comes before anything else has its turn. Of a failure, what came before it is told first. */
  async #isNextThere(): Promise<boolean> {
    let isThere = false;
    this.#next = this.#pieces.next();
    this.#next.then(
      () => {
        isThere = true;
      },
      () => {},
    );
    await nextTurn();
    return isThere;
  }
}

/** A lock that is held until the worker is gone, by which the page learns of it; none where pages have no locks. */
async function holdLock(): Promise<string | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return undefined;
  const name = `blackmamba-worker/${crypto.randomUUID()}`;
  await new Promise<void>((resolve) => {
    locks.request(name, () => {
      resolve();
      return new Promise(() => {});
    });
  });
  return name;
}

function sendArgument(value: unknown): SentArgument {
  return value instanceof Error ? { error: sendError(value) } : { value };
}

function isIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof value === "object" && value !== null && "next" in value;
}
