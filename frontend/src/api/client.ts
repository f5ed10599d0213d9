/** Typed requests: paths, queries, bodies and answers are those of the API's own description. */
import { parseJson } from "./json";
import type { components, paths } from "./schema";

export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

type Method = "get" | "post" | "put" | "delete";
export type PathWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P extends PathWith<M>, M extends Method> = paths[P][M & keyof paths[P]];
export type Answer<P extends PathWith<M>, M extends Method> =
  Operation<P, M> extends { responses: { 200: { content: { "application/json": infer T } } } } ? T : unknown;
export type Query<P extends PathWith<M>, M extends Method> =
  Operation<P, M> extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never;
export type Body<P extends PathWith<M>, M extends Method> =
  Operation<P, M> extends { requestBody?: { content: { "application/json": infer T } } } ? T : undefined;

export interface Options<P extends PathWith<M>, M extends Method> {
  /** Values of the path's `{placeholders}`; slashes in them stay slashes. */
  params?: Record<string, string | number>;
  query?: Query<P, M>;
  signal?: AbortSignal;
}

/** What the API answered instead: `detail` is one sentence for people, `extra` the fields beside it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
    this.name = "ApiError";
  }

  get retryAfter(): number | null {
    const seconds = this.extra.retry_after;
    return typeof seconds === "number" ? seconds : null;
  }
}

export const UNREACHABLE = "Runferry itself does not answer. Is `runferry serve` still running?";

export function get<P extends PathWith<"get">>(path: P, options: Options<P, "get"> = {}) {
  return request<Answer<P, "get">>("GET", makeUrl(path, options), undefined, options.signal).then(
    (one) => one.data,
  );
}

/** As `get`, with the number of all matches that the answer's header tells. */
export function getCounted<P extends PathWith<"get">>(path: P, options: Options<P, "get"> = {}) {
  return request<Answer<P, "get">>("GET", makeUrl(path, options), undefined, options.signal).then((one) => ({
    data: one.data,
    total: Number(one.headers.get("X-Total-Count") ?? 0),
  }));
}

export function post<P extends PathWith<"post">>(
  path: P,
  body?: Body<P, "post">,
  options: Options<P, "post"> = {},
) {
  return request<Answer<P, "post">>("POST", makeUrl(path, options), body ?? {}, options.signal).then(
    (one) => one.data,
  );
}

export function remove<P extends PathWith<"delete">>(path: P, options: Options<P, "delete"> = {}) {
  return request<Answer<P, "delete">>("DELETE", makeUrl(path, options), undefined, options.signal).then(
    (one) => one.data,
  );
}

export function makeUrl(
  path: string,
  { params = {}, query }: { params?: Record<string, string | number>; query?: unknown } = {},
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    String(params[name] ?? "")
      .split("/")
      .map(encodeURIComponent)
      .join("/"),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries((query ?? {}) as Record<string, unknown>)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") search.append(key, String(one));
    }
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

async function request<T>(
  method: string,
  url: string,
  body: unknown,
  signal: AbortSignal | undefined,
): Promise<{ data: T; headers: Headers }> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      signal: signal ?? null,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, UNREACHABLE);
  }
  if (!response.ok) throw showLoginWhereAsked(await readError(response));
  return { data: parseJson(await response.text()) as T, headers: response.headers };
}

/** A server that wants its token has a page that asks for it, at every address. */
function showLoginWhereAsked(error: ApiError): ApiError {
  if (error.status === 401 && error.extra.needs_token === true) window.location.reload();
  return error;
}

async function readError(response: Response): Promise<ApiError> {
  try {
    const { detail, ...extra } = (await response.json()) as Record<string, unknown>;
    return new ApiError(response.status, typeof detail === "string" ? detail : response.statusText, extra);
  } catch {
    return new ApiError(response.status, `The server answered ${response.status} without a reason.`);
  }
}

/** One sentence for whatever was thrown. */
export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
