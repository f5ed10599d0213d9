/** Connections one comes back to: kept without their secrets, or with them in the system's keyring. */
import { ActionIcon, Button, Checkbox, PasswordInput, TextInput } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { get, post, remove } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { tell, tellFailure } from "@/components/toasts";
import { parseLocation } from "@/format/location";
import { Section } from "./Section";
import classes from "./Settings.module.css";

export function SavedConnections() {
  const client = useQueryClient();
  const saved = useQuery({
    queryKey: keys.saved,
    queryFn: ({ signal }) => get("/api/config/ssh_connections", { signal }),
  });
  const removal = useMutation({
    mutationFn: (key: string) => remove("/api/config/ssh_connections/{key}", { params: { key } }),
    onError: (error) => tellFailure("Not forgotten", error),
    onSettled: () => client.invalidateQueries({ queryKey: keys.saved }),
  });
  const all = saved.data?.connections ?? [];
  return (
    <Section title="Saved connections">
      {saved.isPending && <Loading what="the saved connections" />}
      {saved.isError && <ErrorNote error={saved.error} onRetry={() => saved.refetch()} />}
      {saved.data && all.length === 0 && (
        <p className="dim">None yet. A saved connection is one click on the Connect page.</p>
      )}
      {all.length > 0 && (
        <ul className={classes.list}>
          {all.map((one) => (
            <li key={one.key}>
              <strong>
                <Name text={one.name || one.host} />
              </strong>
              <span className="dim">
                <Name text={one.key} kept={12} />
              </span>
              <span className="dim">{describeSecret(one)}</span>
              <ActionIcon
                className={classes.last}
                aria-label={`Forget ${one.key}`}
                disabled={removal.isPending}
                onClick={() => removal.mutate(one.key)}
              >
                <IconTrash size={16} aria-hidden />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      <Add />
    </Section>
  );
}

function describeSecret(one: {
  auth_method: string;
  has_password: boolean;
  has_private_key: boolean;
}): string {
  if (one.auth_method === "agent") return "agent or default keys";
  if (one.auth_method === "key") return one.has_private_key ? "key at hand" : "key is asked for";
  return one.has_password ? "password at hand" : "password is asked for";
}

const NOTHING = { address: "", name: "", password: "", isRemembered: false };

function Add() {
  const [given, setGiven] = useState(NOTHING);
  const [problem, setProblem] = useState<string | null>(null);
  const client = useQueryClient();
  const saving = useMutation({
    mutationFn: (place: { host: string; port: number | null; username: string }) =>
      post("/api/config/ssh_connections", {
        ...place,
        name: given.name.trim() || null,
        password: given.password || null,
        remember_password: given.password ? given.isRemembered : null,
      }),
    onSuccess: (answer) => {
      setGiven(NOTHING);
      tell(answer.message);
      return client.invalidateQueries({ queryKey: keys.saved });
    },
  });

  function submit(event: FormEvent): void {
    event.preventDefault();
    const location = parseLocation(given.address);
    if (typeof location === "string") {
      setProblem(location);
    } else if (!location.username) {
      setProblem("Which user? user@host");
    } else {
      setProblem(null);
      saving.mutate({ host: location.host, port: location.port, username: location.username });
    }
  }

  return (
    <form onSubmit={submit} className={classes.form}>
      <TextInput
        label="Address"
        placeholder="user@host"
        spellCheck={false}
        error={problem}
        value={given.address}
        onChange={(event) => setGiven({ ...given, address: event.currentTarget.value })}
      />
      <TextInput
        label="Name"
        placeholder="as you call it"
        value={given.name}
        onChange={(event) => setGiven({ ...given, name: event.currentTarget.value })}
      />
      <PasswordInput
        label="Password, if needed"
        autoComplete="off"
        value={given.password}
        onChange={(event) => setGiven({ ...given, password: event.currentTarget.value })}
      />
      <Checkbox
        label="Keep it in the keyring"
        disabled={!given.password}
        checked={given.isRemembered}
        onChange={(event) => setGiven({ ...given, isRemembered: event.currentTarget.checked })}
      />
      <Button
        type="submit"
        size="sm"
        variant="default"
        loading={saving.isPending}
        disabled={!given.address.trim()}
      >
        Save
      </Button>
      {saving.isError && <ErrorNote error={saving.error} />}
    </form>
  );
}
