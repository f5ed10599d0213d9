/** Whether a server is reached: a shape and a word, and the age of what is here where it is not. */
import type { Connection } from "@/api/status";
import { Age } from "./Age";
import classes from "./Lamp.module.css";

export type LampState = "live" | "reconnecting" | "offline";

export function judge(connection: Connection): LampState {
  if (connection.state === "connected") return "live";
  return connection.state === "reconnecting" ? "reconnecting" : "offline";
}

/** When this server was last in step; null where it never was. */
export function lastSeen(connection: Connection): number | null {
  const times = connection.syncs.map((sync) => sync.last_sync_at ?? 0);
  return Math.max(0, ...times) || null;
}

const WORDS: Record<LampState, string> = { live: "live", reconnecting: "reconnecting", offline: "offline" };

export function Lamp({ state, since }: { state: LampState; since?: number | null }) {
  return (
    <span className={classes.lamp} data-state={state}>
      <svg viewBox="0 0 12 12" width="11" height="11" aria-hidden="true">
        <circle cx="6" cy="6" r="4.5" className={classes.ring} />
        {state === "live" && <circle cx="6" cy="6" r="4.5" className={classes.fill} />}
        {state === "reconnecting" && <path d="M6 1.5 A4.5 4.5 0 0 0 6 10.5 Z" className={classes.fill} />}
      </svg>
      <span>{WORDS[state]}</span>
      {state !== "live" && since ? <Age at={since} isBare /> : null}
    </span>
  );
}
