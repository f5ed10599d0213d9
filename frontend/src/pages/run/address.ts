/** Which run, and which part of its page, an address means. Pure. */

export const PARTS = ["charts", "logs", "images", "files", "params", "environment", "artifacts"] as const;
export type Part = (typeof PARTS)[number];

export const PART_NAMES: Record<Part, string> = {
  charts: "Charts",
  logs: "Logs",
  images: "Images",
  files: "Files",
  params: "Params",
  environment: "Environment",
  artifacts: "Artifacts",
};

/** What follows `/runs/` or `/artifacts/`, read once: a name may itself look encoded. */
export function readName(pathname: string, before: string): string {
  const rest = pathname.startsWith(before) ? pathname.slice(before.length) : "";
  return rest
    .split("/")
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    })
    .join("/");
}

export function readPart(search: URLSearchParams): Part {
  return PARTS.find((one) => one === search.get("part")) ?? "charts";
}
