/** Brings a version's files here as a task of the server's: it goes on when one leaves the page. */
import { Button, Progress } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { type Body, get, post, remove } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { formatBytes, formatRate } from "@/format/bytes";
import { countOf } from "@/format/numbers";

const OVER = new Set(["done", "failed", "cancelled"]);

export function Download({ wanted, label }: { wanted: Body<"/api/downloads", "post">; label: string }) {
  const client = useQueryClient();
  const begin = useMutation({ mutationFn: () => post("/api/downloads", wanted) });
  const id = begin.data?.id;
  const query = useQuery({
    queryKey: [...keys.downloads, id],
    queryFn: ({ signal }) =>
      get("/api/downloads/{download_id}", { params: { download_id: id ?? "" }, signal }),
    enabled: id !== undefined,
    refetchInterval: ({ state }) => (state.data && OVER.has(state.data.state) ? false : 1000),
  });
  const state = query.data?.state;
  useEffect(() => {
    if (state && OVER.has(state)) void client.invalidateQueries({ queryKey: [...keys.runs, "artifact"] });
  }, [state, client]);
  const found = query.data ?? begin.data;
  if (begin.error) return <ErrorNote error={begin.error} onRetry={() => begin.mutate()} />;
  if (found?.state === "failed") {
    return (
      <ErrorNote error={new Error(found.error ?? "Not all files came.")} onRetry={() => begin.mutate()} />
    );
  }
  if (!found || found.state === "cancelled") {
    return (
      <Button variant="default" loading={begin.isPending} onClick={() => begin.mutate()}>
        {label}
      </Button>
    );
  }
  if (found.state === "done") return <p role="status">All of it is here.</p>;
  const share = found.bytes_total > 0 ? found.bytes_done / found.bytes_total : 0;
  return (
    <div style={{ maxWidth: 480 }}>
      <Progress value={share * 100} size="xs" aria-label={label} transitionDuration={0} />
      <p className="dim">
        {countOf(found.files_done, "file")} of {found.files_total}, {formatBytes(found.bytes_done)} of{" "}
        {formatBytes(found.bytes_total)}
        {found.bytes_per_second > 0 && `, ${formatRate(found.bytes_per_second)}`}
        {found.waiting_for && `; ${found.waiting_for}`}
      </p>
      <Button
        variant="default"
        onClick={() => remove("/api/downloads/{download_id}", { params: { download_id: found.id } })}
      >
        Cancel
      </Button>
    </div>
  );
}
