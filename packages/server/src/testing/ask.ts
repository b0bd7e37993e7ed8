/** Requests to a server without a network, and their answers. For tests only. */
import { createServer, type Server, type ServerOptions } from "../create-server.ts";
import type { RequestRecord } from "../request-record.ts";
import { type FakeModel, type FakeModelOptions, fakeModel } from "./fake-model.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers, and say what they expect there
export type Answer = any;

export interface Asked {
  readonly model: FakeModel;
  readonly server: Server;
  readonly records: RequestRecord[];
  /** Posts the body as JSON; a text or bytes as they are. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** As `post`, of which the answer is JSON. */
  json(path: string, body: unknown, init?: RequestInit): Promise<Answer>;
  /** As `post`, of which the answer is a stream: the data of its events, and whether `[DONE]` ended it. */
  events(path: string, body: object, init?: RequestInit): Promise<{ events: Answer[]; isDone: boolean }>;
  get(path: string, init?: RequestInit): Promise<Response>;
}

export function ask(options: Partial<ServerOptions> = {}, modelOptions: FakeModelOptions = {}): Asked {
  const model = fakeModel(modelOptions);
  const records: RequestRecord[] = [];
  const server = createServer(model, { modelName: "fake", onRequest: (record) => records.push(record), ...options });
  const asked: Asked = {
    ...{ model, server, records },
    async post(path, body, init = {}) {
      await server.ready;
      const isRaw = typeof body === "string" || body instanceof Uint8Array;
      return server.fetch(
        new Request(`http://localhost${path}`, {
          method: "POST",
          body: isRaw ? (body as string) : JSON.stringify(body),
          ...init,
          headers: { "Content-Type": "application/json", ...init.headers },
        }),
      );
    },
    json: async (path, body, init) => (await asked.post(path, body, init)).json(),
    async events(path, body, init) {
      const response = await asked.post(path, { stream: true, ...body }, init);
      return readEvents(await response.text());
    },
    get: async (path, init) => server.fetch(new Request(`http://localhost${path}`, init)),
  };
  return asked;
}

/** The events of a whole stream. */
export function readEvents(text: string): { events: Answer[]; isDone: boolean } {
  const data = text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length));
  const isDone = data.at(-1) === "[DONE]";
  return { events: (isDone ? data.slice(0, -1) : data).map((each) => JSON.parse(each)), isDone };
}
