/** The styles of Mantine's that we load are those of the parts that we use. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SOURCES = new URL("..", import.meta.url).pathname;
const MANTINE = new URL("../../node_modules/@mantine/core/esm/", import.meta.url).pathname;
const OF_OTHERS = ["Notification"]; // @mantine/notifications shows it

function listFiles(folder: string, end: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(end)).map((name) => folder + name);
}

function listUsed(): Set<string> {
  const texts = listFiles(SOURCES, ".tsx").map((path) => readFileSync(path, "utf8"));
  const imports = texts.flatMap((text) => [
    ...text.matchAll(/import\s*\{([^}]*)\}\s*from "@mantine\/core"/g),
  ]);
  return new Set([...OF_OTHERS, ...imports.flatMap(([, list = ""]) => list.split(/[\s,]+/))]);
}

/** The modules that these are made of, and those in turn. */
function listParts(names: ReadonlySet<string>): string[] {
  const parts = new Set<string>();
  const wanted = listFiles(MANTINE, ".mjs").filter((path) => names.has(/(\w+)\.mjs$/.exec(path)?.[1] ?? ""));
  for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
    if (parts.has(path) || !existsSync(path)) continue;
    parts.add(path);
    for (const [, name = ""] of readFileSync(path, "utf8").matchAll(/from ?"(\.[^"]+)"/g)) {
      wanted.push(new URL(name, `file://${path}`).pathname);
    }
  }
  return [...parts];
}

test("every part of Mantine that is used has its styles, and no other", () => {
  const styled = listParts(listUsed()).flatMap((path) => /(\w+)\.module\.mjs$/.exec(path)?.[1] ?? []);
  const loaded = readFileSync(new URL("mantine.css", import.meta.url), "utf8");
  const names = [...loaded.matchAll(/styles\/([A-Z]\w*)\.css/g)].map((found) => found[1]);
  expect(styled.length).toBeGreaterThan(10);
  expect(names.sort()).toEqual(styled.sort());
});
