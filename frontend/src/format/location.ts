/** `user@host:/path` and its kin, much as `runferry.ssh.target` reads them. Pure functions. */

export interface Location {
  host: string;
  port: number | null;
  username: string | null;
  /** Empty: the home directory. */
  path: string;
  /** The key of a saved connection: what else it takes is kept by Runferry. */
  saved?: string;
}

const HOST = /^[A-Za-z0-9_.:][A-Za-z0-9_.:%-]{0,254}$/;
const USER = /^[A-Za-z0-9_.$@\\+=][A-Za-z0-9_.$@\\+=-]{0,127}$/;

/** Read `[user@]host[:path]`, `[user@]host:port[:path]`, `[user@][ipv6]...` or `ssh://...`; a sentence where it is none. */
export function parseLocation(text: string): Location | string {
  const trimmed = text.trim().replace(/^ssh\s+/, "");
  if (!trimmed) return "Type where your experiments are: user@host:/path";
  const found = trimmed.startsWith("ssh://") ? readUrl(trimmed) : readPlain(trimmed);
  return typeof found === "string" ? found : check(found);
}

function readPlain(text: string): Location | string {
  const colon = text.startsWith("[") || text.includes("@[") ? -1 : text.indexOf(":");
  const head = colon < 0 ? text : text.slice(0, colon);
  const at = head.lastIndexOf("@");
  if (at === 0) return "There is no user before the @.";
  const username = at > 0 ? head.slice(0, at) : null;
  const rest = text.slice(at + 1);
  const bracketed = /^\[([^\]]*)\](.*)$/s.exec(rest);
  if (!bracketed && rest.startsWith("[")) return "A ] is missing after the address.";
  const plain = /^([^:]*)(.*)$/s.exec(rest);
  const host = bracketed?.[1] ?? plain?.[1] ?? "";
  const tail = bracketed?.[2] ?? plain?.[2] ?? "";
  if (tail && !tail.startsWith(":")) return "This is not user@host:/path.";
  const ported = /^:(\d{1,5})(?::(.*))?$/s.exec(tail);
  if (ported) return { host, port: Number(ported[1]), username, path: ported[2] ?? "" };
  return { host, port: null, username, path: tail.slice(1) };
}

function readUrl(text: string): Location | string {
  let url: URL;
  try {
    url = new URL(text.replace(/^ssh:/, "http:"));
  } catch {
    return "This is not ssh://user@host:port/path.";
  }
  if (url.password) return "A password never belongs in an address; leave it out, it is asked for.";
  const path = decodeURIComponent(url.pathname);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port ? Number(url.port) : null,
    username: url.username ? decodeURIComponent(url.username) : null,
    path: path === "/" ? "" : path.replace(/^\/~/, "~"),
  };
}

function check(location: Location): Location | string {
  if (!location.host) return "A host is missing: user@host:/path";
  if (!HOST.test(location.host)) return "This is not a host name or address.";
  if (location.port !== null && (location.port < 1 || location.port > 65535))
    return "A port is between 1 and 65535.";
  if (location.username !== null && !USER.test(location.username)) return "This is not a user name.";
  return location;
}

/** `user@host:port`, without what is not known. */
export function formatTarget({ host, port, username }: Omit<Location, "path">): string {
  const shown = host.includes(":") ? `[${host}]` : host;
  return `${username ? `${username}@` : ""}${shown}${port ? `:${port}` : ""}`;
}
