import { describe, expect, it } from "vitest";
import { makeRunPath } from "@/shell/paths";
import { readName, readPart } from "./address";
import { choosePreview, parseTable } from "./preview";

describe("addresses", () => {
  it("come back whatever a key holds", () => {
    for (const key of ["gpu1/2026_a", "s/%41 b?#&", "ü/<img src=x>", "a/b/c"]) {
      expect(readName(makeRunPath(key), "/runs/")).toBe(key);
    }
  });
  it("that are no addresses are taken as they are", () => {
    expect(readName("/runs/%E0%A4%A", "/runs/")).toBe("%E0%A4%A");
    expect(readPart(new URLSearchParams("part=nothing"))).toBe("charts");
  });
});

describe("previews", () => {
  it("never show a page as a page", () => {
    expect(choosePreview("a/report.html")).toBe("text");
    expect(choosePreview("a/x.svg")).toBe("text");
    expect(choosePreview("model.pt")).toBe("none");
    expect(choosePreview("media/1.PNG")).toBe("image");
  });
  it("read tables with quotes", () => {
    expect(parseTable('a,b\n"1,5","say ""x"""\n', ",")).toEqual([
      ["a", "b"],
      ["1,5", 'say "x"'],
    ]);
    expect(parseTable("a\tb", "\t")).toEqual([["a", "b"]]);
  });
});
