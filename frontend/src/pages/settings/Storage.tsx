/** Where Runferry keeps its data, and how to have it elsewhere. */
import { Button, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { get, post } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Section } from "./Section";
import classes from "./Settings.module.css";

export function Storage() {
  const config = useQuery({ queryKey: keys.config, queryFn: ({ signal }) => get("/api/config", { signal }) });
  return (
    <Section title="Storage">
      {config.isPending ? (
        <Loading what="where data is kept" />
      ) : config.isError ? (
        <ErrorNote error={config.error} onRetry={() => config.refetch()} />
      ) : (
        <>
          <p>
            Kept in <code>{config.data.storage}</code>
          </p>
          {config.data.needs_restart && (
            <p role="status">
              From the next start on: <code>{config.data.user_root_dir}</code>
            </p>
          )}
          <Elsewhere />
        </>
      )}
    </Section>
  );
}

function Elsewhere() {
  const [path, setPath] = useState("");
  const client = useQueryClient();
  const choice = useMutation({
    mutationFn: () => post("/api/config/user_root_dir", { path: path.trim() }),
    onSuccess: () => {
      setPath("");
      return client.invalidateQueries({ queryKey: keys.config });
    },
  });

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (path.trim()) choice.mutate();
  }

  return (
    <form onSubmit={submit} className={classes.form}>
      <TextInput
        className={classes.wide}
        label="Keep data in another folder"
        description="It must exist and be writable. Nothing is moved there, and nothing is deleted here."
        placeholder="/data/runferry"
        spellCheck={false}
        value={path}
        onChange={(event) => setPath(event.currentTarget.value)}
      />
      <Button type="submit" size="sm" variant="default" loading={choice.isPending} disabled={!path.trim()}>
        Choose
      </Button>
      {choice.isError && <ErrorNote error={choice.error} />}
      {choice.isSuccess && <span role="status">{choice.data.message}</span>}
    </form>
  );
}
