"use strict";
// Server text is hostile: it only ever becomes textContent.
const byId = (id) => document.getElementById(id);
const make = (tag, text) => {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
};

const getJson = async (url) => {
  const response = await fetch(url);
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return { body, total: response.headers.get("X-Total-Count") };
};

const describe = (sync) =>
  `${sync.mode} ${sync.remote_root}: ${sync.state}, ${sync.files_done} of ${sync.files_total} files` +
  (sync.problem_count ? `, ${sync.problem_count} not copied` : "");

const drawConnections = (status) => {
  const list = (status.connections ?? []).map((connection) => {
    const reason = connection.last_error ? ` (${connection.last_error})` : "";
    const item = make("li", `${connection.connection_id}: ${connection.state}${reason}`);
    const syncs = document.createElement("ul");
    syncs.append(...connection.syncs.map((sync) => make("li", describe(sync))));
    item.append(syncs);
    return item;
  });
  byId("connections").replaceChildren(...(list.length ? list : [make("li", "None. Run: runferry connect user@host")]));
};

const drawRuns = ({ body, total }) => {
  byId("total").textContent = `(${total})`;
  byId("runs").replaceChildren(
    ...body.map((run) => {
      const row = document.createElement("tr");
      row.append(...[run.id, run.project, run.name, run.status, run.server].map((text) => make("td", text)));
      return row;
    }),
  );
};

const refresh = async () => {
  try {
    const [status, runs] = await Promise.all([getJson("/api/unified/status"), getJson("/api/runs?limit=100")]);
    drawConnections(status.body);
    drawRuns(runs);
    byId("state").textContent = "Runferry runs.";
  } catch (error) {
    byId("state").textContent = `Runferry does not answer: ${error.message}`;
  }
};

// Many events may come at once; one refresh per second shows them all.
let timer = null;
const refreshSoon = () => {
  timer ??= setTimeout(() => {
    timer = null;
    refresh();
  }, 1000);
};
const events = new EventSource("/api/events");
for (const kind of ["open", "connection", "sync", "run", "refetch"]) events.addEventListener(kind, refreshSoon);
events.addEventListener("error", refreshSoon);
refresh();
