/** A look into a file: its beginning as text, or the image. What a file says is never run. */

import { useQuery } from "@tanstack/react-query";
import { ApiError } from "@/api/client";
import { indentJson } from "@/api/json";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { formatBytes } from "@/format/bytes";
import { reveal } from "@/format/names";
import { makeFileUrl } from "./fetching";
import { choosePreview, MOST_SHOWN, parseTable } from "./preview";
import classes from "./run.module.css";

export function Preview({ run, path, size }: { run: string; path: string; size: number }) {
  const kind = choosePreview(path);
  const url = makeFileUrl(run, path);
  const query = useQuery({
    queryKey: [...keys.run(run), "preview", path, size],
    queryFn: ({ signal }) => readBeginning(url, size, signal),
    enabled: kind !== "image" && kind !== "none",
  });
  return (
    <section className={classes.preview} aria-label={`Preview of ${path}`}>
      <h2>{reveal(path)}</h2>
      {kind === "none" && <p className="dim">This kind of file has no preview. Fetch it and save it.</p>}
      {kind === "image" && <img src={url} alt={path} />}
      {query.error && <ErrorNote error={query.error} onRetry={() => query.refetch()} />}
      {query.isLoading && <Loading what={path} />}
      {query.data !== undefined && (
        <>
          {size > MOST_SHOWN && (
            <p className="dim">
              The first {formatBytes(MOST_SHOWN)} of {formatBytes(size)}.
            </p>
          )}
          {kind === "table" ? (
            <Table rows={parseTable(query.data, path.toLowerCase().endsWith("tsv") ? "\t" : ",")} />
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
            <pre tabIndex={0}>{reveal(kind === "json" ? indentJson(query.data) : query.data)}</pre>
          )}
        </>
      )}
    </section>
  );
}

async function readBeginning(url: string, size: number, signal: AbortSignal): Promise<string> {
  const headers: HeadersInit = size > MOST_SHOWN ? { Range: `bytes=0-${MOST_SHOWN - 1}` } : {};
  const response = await fetch(url, { headers, signal });
  if (!response.ok) {
    const body = (await response.json().catch(() => ({}))) as { detail?: unknown };
    throw new ApiError(response.status, String(body.detail ?? `The server answered ${response.status}.`));
  }
  return response.text();
}

function Table({ rows }: { rows: readonly string[][] }) {
  const [head, ...rest] = rows;
  return (
    <div className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            {head?.map((name, place) => (
              <th key={`${place}-${name}`} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rest.map((row, line) => (
            <tr key={`${line}-${row[0]}`}>
              {row.map((field, place) => (
                <td key={`${place}-${field}`}>{reveal(field)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
