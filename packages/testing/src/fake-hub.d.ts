/**
 * A model hub as its clients see it, without a network: answers requests from files in memory. Not here: sockets and what can happen
 * to them, see `node.ts`.
 */
/** A model: its files by path. */
export type HubModel = Readonly<Record<string, Uint8Array>>;
/** Options of {@link createFakeHub}. */
export interface FakeHubOptions {
  /** By name, such as `"owner/name"`. */
  readonly models: Readonly<Record<string, HubModel>>;
  /** Files of more bytes are published with their SHA-256 and come from another address; default 1000. */
  readonly largeByteLength?: number | undefined;
  /** Without it, no token is asked for. */
  readonly token?: string | undefined;
  /** Whether parts of files are given; default true. */
  readonly hasRanges?: boolean | undefined;
}
/** A hub in memory. */
export interface FakeHub {
  /** What it answers; an address of any host will do. */
  answer(request: Request): Promise<Response>;
  /** The same as a `fetch`, redirects followed. */
  readonly fetch: typeof fetch;
  /** What was asked, `GET /path` and a range behind it if there was one. */
  readonly requests: readonly string[];
  /** Replaces what files hold, without a word about it: what is published of them stays. */
  corrupt(path: string, bytes: Uint8Array): void;
}
/** The only commit of every model. */
export declare const HUB_COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** Makes a hub of these models, each with the branch `main`. */
export declare function createFakeHub({ models, largeByteLength, token, hasRanges }: FakeHubOptions): FakeHub;
/** All of a file, or the part that was asked for. */
export declare function fileResponse(
  request: Request,
  {
    bytes,
    oid,
  }: {
    readonly bytes: Uint8Array;
    readonly oid: string;
  },
  hasRanges: boolean,
): Response;
//# sourceMappingURL=fake-hub.d.ts.map
