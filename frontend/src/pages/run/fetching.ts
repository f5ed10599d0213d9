/** Brings one file of a run here through the endpoint that gives it, telling how far it is. The bytes are not kept in the page. */
import { ApiError, makeUrl } from "@/api/client";

export function makeFileUrl(run: string, path: string): string {
  return makeUrl("/api/runs/{run_id}/files/{path}", { params: { run_id: run, path } });
}

/** Resolves when the file is wholly here. Raises ApiError with the server's reason, or where it broke off. */
export async function fetchFile(
  run: string,
  path: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(makeFileUrl(run, path), { signal });
  if (!response.ok || !response.body) {
    const body = (await response.json().catch(() => ({}))) as { detail?: unknown };
    throw new ApiError(response.status, String(body.detail ?? `The server answered ${response.status}.`));
  }
  const reader = response.body.getReader();
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes += value.byteLength;
    onBytes(bytes);
  }
}
