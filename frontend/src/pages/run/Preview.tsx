/** A look into a file: its beginning as text, or the image. What a file says is never run. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
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
  const box = useRef<HTMLElement>(null);
  const isHere = query.data !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: as it begins, and again with the room that its content takes
  useEffect(() => bringIntoView(box.current), [isHere]);
  return (
    <section ref={box} className={classes.preview} aria-label={`Preview of ${path}`}>
      <h2>{reveal(path)}</h2>
      {kind === "none" && <p className="dim">This kind of file has no preview. Fetch it and save it.</p>}
      {kind === "image" && <img src={url} alt={path} onLoad={() => bringIntoView(box.current)} />}
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

/** On a phone it lies below the files, and whoever chose one sees nothing of it. */
function bringIntoView(box: HTMLElement | null): void {
  if (box && box.getBoundingClientRect().top > window.innerHeight / 2) box.scrollIntoView({ block: "start" });
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
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
    <div className={classes.scroll} tabIndex={0}>
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
