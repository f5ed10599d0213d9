/** How full the cache of files fetched on demand is, and a way to empty it. */
import { Button, Progress } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, post } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { tell } from "@/components/toasts";
import { formatBytes } from "@/format/bytes";
import { countOf, formatPercent } from "@/format/numbers";
import { Section } from "./Section";

export function Cache() {
  const client = useQueryClient();
  const cache = useQuery({ queryKey: keys.cache, queryFn: ({ signal }) => get("/api/cache", { signal }) });
  const clearing = useMutation({
    mutationFn: () => post("/api/cache/clear"),
    onSuccess: (answer) => tell(answer.message),
    onSettled: () => client.invalidateQueries({ queryKey: keys.cache }),
  });
  const emptying = useMutation({
    mutationFn: () => post("/api/cache/empty-trash"),
    onSuccess: (answer) => tell(answer.message),
    onSettled: () => client.invalidateQueries({ queryKey: keys.cache }),
  });
  return (
    <Section title="Cache">
      {cache.isPending ? (
        <Loading what="the cache" />
      ) : cache.isError ? (
        <ErrorNote error={cache.error} onRetry={() => cache.refetch()} />
      ) : (
        <>
          <p>
            {countOf(cache.data.files, "file")} fetched on demand, {formatBytes(cache.data.used_bytes)} of{" "}
            {formatBytes(cache.data.limit_bytes)}
            {cache.data.pinned_bytes > 0 && `, ${formatBytes(cache.data.pinned_bytes)} of it pinned`}.{" "}
            {formatBytes(cache.data.free_bytes)} of the disk are free.
          </p>
          <Progress
            value={(cache.data.used_bytes / cache.data.limit_bytes) * 100}
            size="xs"
            mb="sm"
            transitionDuration={0}
            aria-label={`${formatPercent(cache.data.used_bytes / cache.data.limit_bytes)} of the cache used`}
          />
          <p className="dim">
            The files that were not used for the longest time make room for new ones. Pinned ones stay, and so
            do mirrors.
          </p>
          <Button
            variant="default"
            loading={clearing.isPending}
            disabled={cache.data.files === 0}
            onClick={() => clearing.mutate()}
          >
            Empty the cache
          </Button>
          {clearing.isError && <ErrorNote error={clearing.error} />}
          {cache.data.trash_files > 0 && (
            <>
              <p>
                {countOf(cache.data.trash_files, "file")}, {formatBytes(cache.data.trash_bytes)}, in the
                trash: gone from their servers, or in the way of others.
              </p>
              <Button variant="default" loading={emptying.isPending} onClick={() => emptying.mutate()}>
                Empty the trash
              </Button>
            </>
          )}
          {emptying.isError && <ErrorNote error={emptying.error} />}
        </>
      )}
    </Section>
  );
}
