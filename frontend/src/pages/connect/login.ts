/** Logging in: what is sent, and what each refusal asks of the person. Pure, but for the one call. */
import { ApiError, type Body, post, type Schema } from "@/api/client";
import { formatTarget, type Location } from "@/format/location";

export type Connected = Schema<"ConnectAnswer">;

export interface Credentials {
  username: string;
  method: "password" | "file" | "text";
  password: string;
  keyPath: string;
  keyText: string;
  passphrase: string;
}

export const NO_CREDENTIALS: Credentials = {
  username: "",
  method: "password",
  password: "",
  keyPath: "~/.ssh/id_ed25519",
  keyText: "",
  passphrase: "",
};

export interface Prompt {
  text: string;
  echo: boolean;
}

/** What answers a refusal. */
export interface Extras {
  attempt?: string;
  answers?: string[];
  accept_fingerprint?: string;
}

export type Refusal =
  | { kind: "credentials"; detail: string; needsUser: boolean }
  | { kind: "questions"; prompts: Prompt[]; attempt: string; detail: string }
  | { kind: "new-key"; host: string; fingerprint: string }
  | { kind: "changed-key"; host: string; fingerprint: string; known: string }
  | { kind: "too-often"; seconds: number }
  | { kind: "failed"; detail: string; hint: string };

const CREDENTIAL_FIELDS = /^(private_key|private_key_path|passphrase|password)\b/;

/** Say what a failed login asks for. */
export function readRefusal(error: unknown): Refusal {
  if (!(error instanceof ApiError)) return { kind: "failed", detail: String(error), hint: "" };
  const { status, detail, extra } = error;
  if (status === 429) return { kind: "too-often", seconds: error.retryAfter ?? 60 };
  if (status === 409 && Array.isArray(extra.prompts)) {
    return { kind: "questions", prompts: extra.prompts as Prompt[], attempt: String(extra.attempt), detail };
  }
  if (status === 409 && typeof extra.fingerprint === "string") {
    const { fingerprint, host } = extra as { fingerprint: string; host: string };
    return typeof extra.known_fingerprint === "string"
      ? { kind: "changed-key", host, fingerprint, known: extra.known_fingerprint }
      : { kind: "new-key", host, fingerprint };
  }
  const needsUser = detail.startsWith("username:");
  if (status === 401 || needsUser || CREDENTIAL_FIELDS.test(detail)) {
    return { kind: "credentials", detail, needsUser };
  }
  return { kind: "failed", detail, hint: hintFor(status, detail) };
}

/** What to look at next, where the sentence does not say it. */
export function hintFor(status: number, detail: string): string {
  const text = detail.toLowerCase();
  if (status === 0) return "";
  if (text.includes("refused"))
    return "Nothing listens at this address and port. Is the port right, is the server up?";
  if (status === 408 || text.includes("timed out")) {
    return "No answer came. Is the VPN on, and is the address reachable from this machine?";
  }
  if (text.includes("name") && (text.includes("known") || text.includes("resolve"))) {
    return "The name cannot be looked up. Check its spelling, or name it in ~/.ssh/config.";
  }
  return "";
}

/** The body of a login: at first with nothing but agent and default keys, later with what was typed. */
export function makeLogin(
  location: Location,
  given: Credentials | null,
  extras: Extras = {},
): Body<"/api/unified/connect", "post"> {
  const username = location.username ?? (given?.username.trim() || null);
  const base = location.saved
    ? { saved: location.saved, ...extras }
    : { host: location.host, port: location.port, username, ...extras };
  if (given === null && location.saved) return base;
  if (given === null) return { ...base, use_agent: true };
  switch (given.method) {
    case "password":
      return given.password
        ? { ...base, password: given.password, use_agent: false }
        : { ...base, use_agent: true };
    case "file":
      return { ...base, private_key_path: given.keyPath, passphrase: given.passphrase, use_agent: false };
    case "text":
      return { ...base, private_key: given.keyText, passphrase: given.passphrase, use_agent: false };
  }
}

export function logIn(body: Body<"/api/unified/connect", "post">, signal: AbortSignal): Promise<Connected> {
  return post("/api/unified/connect", body, { signal });
}

export function forgetHostKey(location: Location, given: Credentials | null) {
  return post("/api/unified/forget_host_key", {
    host: location.host,
    port: location.port,
    username: location.username ?? (given?.username || null),
  });
}

export function describeTarget(location: Location): string {
  return formatTarget(location);
}
