/** The query cache's keys: the first word is what an event invalidates. */
export const keys = {
  status: ["status"],
  runs: ["runs"],
  sparklines: ["runs", "sparklines"],
  run: (key: string) => ["runs", "one", key],
  hosts: ["hosts"],
  problems: ["problems"],
  audit: (connection: string) => ["audit", connection],
  listing: (connection: string, path: string, hidden: boolean) => ["listing", connection, path, hidden],
  preview: (connection: string, path: string) => ["preview", connection, path],
  saved: ["saved"],
  config: ["config"],
  cache: ["cache"],
  downloads: ["downloads"],
  recycleBin: ["runs", "recycle-bin"],
  health: ["health"],
  demo: ["demo"],
} as const;
