/** The one field, and below it the places that are known already. */
import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { get } from "@/api/client";
import { keys } from "@/api/keys";
import { useConnections, useStatus } from "@/api/status";
import { judge, Lamp } from "@/components/Lamp";
import { TryDemo } from "@/components/TryDemo";
import { type Location, parseLocation } from "@/format/location";
import classes from "./Connect.module.css";

interface Props {
  initial: string;
  isBusy: boolean;
  onConnect: (location: Location) => void;
  onOpen: (connectionId: string, server: string) => void;
  onCancel: () => void;
  /** What the last try asks for: right below the field, however many places are known. */
  children: ReactNode;
}

export function Where({ initial, isBusy, onConnect, onOpen, onCancel, children }: Props) {
  const [text, setText] = useState(initial);
  const [problem, setProblem] = useState<string | null>(null);

  function connect(address: string): void {
    const location = parseLocation(address);
    if (typeof location !== "string") {
      onConnect(location);
      return;
    }
    setProblem(location);
    onCancel(); // what an earlier address led to is no answer to this one
  }

  function choose(address: string): void {
    setText(address);
    setProblem(null);
    connect(address);
  }

  return (
    <>
      <form
        className={classes.where}
        onSubmit={(event) => {
          event.preventDefault();
          connect(text);
        }}
      >
        <TextInput
          size="md"
          className={classes.address}
          label="Where are your experiments?"
          placeholder="user@host:/path"
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          autoFocus
          value={text}
          error={problem}
          onChange={(event) => {
            setText(event.currentTarget.value);
            setProblem(null);
          }}
        />
        <Button type="submit" size="md" loading={isBusy} className={classes.go}>
          Connect
        </Button>
      </form>
      {isBusy && (
        <p className={classes.hint} role="status">
          Connecting…{" "}
          <Button variant="default" size="compact-xs" onClick={onCancel}>
            Cancel
          </Button>
        </p>
      )}
      {children}
      <p className={classes.hint}>
        An SSH login is all it takes: your agent, keys and <code>~/.ssh/config</code> are used, and nothing is
        installed or written on the server.
      </p>
      <Known isBusy={isBusy} onConnect={onConnect} onChoose={choose} onOpen={onOpen} />
    </>
  );
}

interface KnownProps {
  isBusy: boolean;
  onConnect: Props["onConnect"];
  onChoose: (address: string) => void;
  onOpen: Props["onOpen"];
}

function Known({ isBusy, onConnect, onChoose, onOpen }: KnownProps) {
  const open = (useConnections() ?? []).filter((one) => judge(one) === "live");
  const hosts = useQuery({ queryKey: keys.hosts, queryFn: ({ signal }) => get("/api/hosts", { signal }) });
  const saved = useQuery({
    queryKey: keys.saved,
    queryFn: ({ signal }) => get("/api/config/ssh_connections", { signal }),
  });
  return (
    <>
      {open.length > 0 && (
        <Chips title="Connected now: add a folder">
          {open.map((one) => (
            <Chip
              key={one.connection_id}
              label={one.server}
              note={<Lamp state="live" />}
              isDisabled={isBusy}
              onClick={() => onOpen(one.connection_id, one.server)}
            />
          ))}
        </Chips>
      )}
      {saved.data && saved.data.connections.length > 0 && (
        <Chips title="Saved">
          {saved.data.connections.map((one) => (
            <Chip
              key={one.key}
              label={one.name || one.key}
              note={one.key}
              isDisabled={isBusy}
              onClick={() =>
                onConnect({
                  host: one.host,
                  port: one.port,
                  username: one.username,
                  path: "",
                  saved: one.key,
                })
              }
            />
          ))}
        </Chips>
      )}
      {hosts.data && hosts.data.length > 0 && (
        <Chips title="In your ~/.ssh/config">
          {hosts.data.map((one) => (
            <Chip
              key={one.alias}
              label={one.alias}
              note={describeHost(one)}
              isDisabled={isBusy}
              onClick={() => onChoose(one.alias)}
            />
          ))}
        </Chips>
      )}
      <NoServer />
    </>
  );
}

/** Offered while there is nothing here: later it would only be in the way. */
function NoServer() {
  const { data } = useStatus();
  const isEmpty = data && !data.connections?.length && !data.cached_experiments;
  if (!isEmpty) return null;
  return (
    <section className={classes.known} aria-label="No server at hand">
      <h2 className={classes.title}>
        No server at hand? Look around with a simulated one, gone with a click.
      </h2>
      <div className={classes.chips}>
        <TryDemo />
      </div>
    </section>
  );
}

function describeHost({ alias, host, user }: { alias: string; host: string; user: string | null }): string {
  const target = host === alias ? "" : host;
  return user ? `${user}@${target || alias}` : target;
}

function Chips({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className={classes.known} aria-label={title}>
      <h2 className={classes.title}>{title}</h2>
      <div className={classes.chips}>{children}</div>
    </section>
  );
}

interface ChipProps {
  label: string;
  note: React.ReactNode;
  isDisabled: boolean;
  onClick: () => void;
}

function Chip({ label, note, isDisabled, onClick }: ChipProps) {
  return (
    <button type="button" className={classes.chip} disabled={isDisabled} onClick={onClick}>
      <span>{label}</span>
      {note && <span className="dim">{note}</span>}
    </button>
  );
}
