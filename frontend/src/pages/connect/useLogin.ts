/** One login under way: its state, and the answers that take it further. Secrets live here until it is over. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { keys } from "@/api/keys";
import type { Location } from "@/format/location";
import {
  type Connected,
  type Credentials,
  type Extras,
  forgetHostKey,
  logIn,
  makeLogin,
  type Refusal,
  readRefusal,
} from "./login";

export interface Login {
  location: Location | null;
  isBusy: boolean;
  refusal: Refusal | null;
  /** Start anew, with what this machine has. */
  begin: (location: Location) => void;
  /** The same place again, with credentials. */
  retry: (given: Credentials | null) => void;
  answer: (attempt: string, answers: string[]) => void;
  trust: (fingerprint: string) => void;
  /** Forget the old host key, then trust this one and no other. */
  replaceKey: (fingerprint: string) => void;
  cancel: () => void;
}

export function useLogin(onConnected: (connected: Connected, location: Location) => void): Login {
  const client = useQueryClient();
  const [location, setLocation] = useState<Location | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [isBusy, setBusy] = useState(false);
  const given = useRef<Credentials | null>(null);
  const running = useRef<AbortController | null>(null);

  useEffect(() => () => running.current?.abort(), []);

  async function attempt(to: Location, extras: Extras, before?: () => Promise<unknown>): Promise<void> {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    setBusy(true);
    try {
      await before?.();
      const connected = await logIn(makeLogin(to, given.current, extras), control.signal);
      given.current = null;
      setRefusal(null);
      void client.invalidateQueries({ queryKey: keys.status });
      onConnected(connected, to);
    } catch (error) {
      if (!control.signal.aborted) setRefusal(readRefusal(error));
    } finally {
      if (running.current === control) setBusy(false);
    }
  }

  function again(extras: Extras, before?: () => Promise<unknown>): void {
    if (location) void attempt(location, extras, before);
  }

  return {
    location,
    isBusy,
    refusal,
    begin: (to) => {
      given.current = null;
      setLocation(to);
      setRefusal(null);
      void attempt(to, {});
    },
    retry: (credentials) => {
      given.current = credentials ?? given.current;
      again({});
    },
    answer: (name, answers) => again({ attempt: name, answers }),
    trust: (fingerprint) => again({ accept_fingerprint: fingerprint }),
    replaceKey: (fingerprint) => {
      if (location) again({ accept_fingerprint: fingerprint }, () => forgetHostKey(location, given.current));
    },
    cancel: () => {
      running.current?.abort();
      given.current = null;
      setBusy(false);
      setRefusal(null);
    },
  };
}
