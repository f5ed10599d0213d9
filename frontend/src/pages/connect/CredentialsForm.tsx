/** Asked only where the agent and the default keys did not do: a user name, a password or a key. */
import { Button, PasswordInput, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Location } from "@/format/location";
import classes from "./Connect.module.css";
import { type Credentials, describeTarget, NO_CREDENTIALS } from "./login";
import type { Login } from "./useLogin";

interface Props {
  login: Login;
  location: Location;
  detail: string;
  needsUser: boolean;
}

export function CredentialsForm({ login, location, detail, needsUser }: Props) {
  const [given, setGiven] = useState<Credentials>(NO_CREDENTIALS);
  const change = (changed: Partial<Credentials>) => setGiven({ ...given, ...changed });

  function submit(event: FormEvent): void {
    event.preventDefault();
    login.retry(given);
  }

  return (
    <form className={classes.panel} onSubmit={submit} aria-label="Log in">
      <p role="alert" className={needsUser ? undefined : "bad"}>
        {needsUser ? `Which user on ${location.host}?` : detail}
      </p>
      {location.username === null && (
        <TextInput
          label="User name"
          autoComplete="username"
          required
          autoFocus
          value={given.username}
          onChange={(event) => change({ username: event.currentTarget.value })}
        />
      )}
      {!needsUser && <Proof given={given} change={change} target={describeTarget(location)} />}
      <div className={classes.buttons}>
        <Button type="submit" loading={login.isBusy}>
          Log in
        </Button>
        <Button variant="default" onClick={login.cancel}>
          Cancel
        </Button>
      </div>
      <p className={classes.hint}>
        Used for this login and kept in memory while connected; a rejected one is never tried again by itself.
      </p>
    </form>
  );
}

interface ProofProps {
  given: Credentials;
  change: (changed: Partial<Credentials>) => void;
  target: string;
}

function Proof({ given, change, target }: ProofProps) {
  return (
    <>
      <SegmentedControl
        aria-label="How to log in"
        data={[
          { value: "password", label: "Password" },
          { value: "file", label: "Key file" },
          { value: "text", label: "Key text" },
        ]}
        value={given.method}
        onChange={(method) => change({ method: method as Credentials["method"] })}
      />
      {given.method === "password" && (
        <PasswordInput
          label={`Password for ${target}`}
          autoComplete="off"
          autoFocus
          value={given.password}
          onChange={(event) => change({ password: event.currentTarget.value })}
        />
      )}
      {given.method === "file" && (
        <TextInput
          label="Key file on this machine"
          spellCheck={false}
          value={given.keyPath}
          onChange={(event) => change({ keyPath: event.currentTarget.value })}
        />
      )}
      {given.method === "text" && (
        <Textarea
          label="Private key"
          placeholder="-----BEGIN OPENSSH PRIVATE KEY-----"
          className="mono"
          rows={6}
          spellCheck={false}
          value={given.keyText}
          onChange={(event) => change({ keyText: event.currentTarget.value })}
        />
      )}
      {given.method !== "password" && (
        <PasswordInput
          label="Passphrase, if the key has one"
          autoComplete="off"
          value={given.passphrase}
          onChange={(event) => change({ passphrase: event.currentTarget.value })}
        />
      )}
    </>
  );
}
