/** The images a run has logged, over its steps. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { get, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { formatCount, formatNumber } from "@/format/numbers";
import classes from "./run.module.css";

type Media = Schema<"MediaAnswer">;

const EVERY = 2_000;

/** No event tells of an image, so a run that goes on is asked again. */
export function Images({ run, isGrowing }: { run: string; isGrowing: boolean }) {
  const query = useQuery({
    queryKey: [...keys.run(run), "media"],
    queryFn: ({ signal }) => get("/api/runs/{run_id}/media", { params: { run_id: run }, signal }),
    refetchInterval: isGrowing ? EVERY : false,
  });
  const groups = useMemo(() => groupByKey(query.data ?? []), [query.data]);
  if (query.error) return <ErrorNote error={query.error} onRetry={() => query.refetch()} />;
  if (!query.data) return <Loading what="the images" />;
  if (groups.length === 0) {
    return (
      <EmptyState title="No images">
        <p>Images that the run logs appear here, a slider over its steps for each name.</p>
      </EmptyState>
    );
  }
  return (
    <div className={classes.images}>
      {groups.map(([key, items]) => (
        <Steps key={key} name={key} items={items} />
      ))}
    </div>
  );
}

function groupByKey(all: readonly Media[]): [string, Media[]][] {
  const groups = new Map<string, Media[]>();
  for (const one of all) groups.set(one.key, [...(groups.get(one.key) ?? []), one]);
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}

/** The last step, until one looks at another: then it stays there. */
function Steps({ name, items }: { name: string; items: readonly Media[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const place = Math.min(chosen ?? items.length - 1, items.length - 1);
  const item = items[place];
  if (!item) return null;
  const step = item.step === null ? "no step" : `step ${formatNumber(item.step)}`;
  return (
    <section className={classes.image} aria-label={name}>
      <h3>{name}</h3>
      <div className={classes.frame}>
        {failed === item.url ? (
          <span className="dim">{item.path} cannot be shown</span>
        ) : (
          <img src={item.url} alt={item.caption || `${name}, ${step}`} onError={() => setFailed(item.url)} />
        )}
      </div>
      <input
        type="range"
        className={classes.slide}
        aria-label={`${name}: which step`}
        aria-valuetext={step}
        min={0}
        max={items.length - 1}
        value={place}
        disabled={items.length < 2}
        onChange={(event) => setChosen(Number(event.currentTarget.value))}
      />
      <div className="dim">
        {step}, {formatCount(place + 1)} of {formatCount(items.length)}
      </div>
      {item.caption && item.caption !== step && <div>{item.caption}</div>}
    </section>
  );
}
