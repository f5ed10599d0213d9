import { describe, expect, it } from "vitest";
import { formatBytes } from "./bytes";
import { parseLocation } from "./location";
import { cutMiddle, listAncestors, reveal, splitForCut } from "./names";
import { countOf, formatCount, formatNumber } from "./numbers";
import { formatAge, formatAgo, formatDuration } from "./times";

describe("numbers", () => {
  it.each([
    [0, "0"],
    [0.1, "0.1"],
    [0.123456, "0.1235"],
    [12.3456, "12.35"],
    [1234.5, "1235"],
    [999999, "999,999"],
    [1234567, "1.235e6"],
    [0.00001234, "1.234e−5"],
    [-0.5, "−0.5"],
    [100, "100"],
    [100.0001, "100"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "∞"],
    [null, "–"],
  ])("%s is shown as %s", (value, text) => expect(formatNumber(value)).toBe(text));

  it("groups and counts", () => {
    expect(formatCount(1234567)).toBe("1,234,567");
    expect(countOf(1, "run")).toBe("1 run");
    expect(countOf(0, "run")).toBe("0 runs");
  });
});

describe("text of a server's", () => {
  it("turns nothing around, and else is as it was", () => {
    expect(reveal("gpj.exe")).toBe("gpj.exe");
    expect(reveal("abc\u202egpj.exe\u2066")).toBe("abc\\u202egpj.exe\\u2066");
    expect(reveal("a\u0007b\nc\td")).toBe("a\\u0007b\nc\td");
    expect(reveal("שלום 👩‍🔬 漢字")).toBe("שלום 👩‍🔬 漢字");
  });
});

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [1234, "1.2 kB"],
    [99_940, "99.9 kB"],
    [999_999, "1 MB"],
    [123_456_789, "123 MB"],
    [2e12, "2 TB"],
  ])("%d is %s", (size, text) => expect(formatBytes(size)).toBe(text));
});

describe("times", () => {
  it.each([
    [0, "0 s"],
    [0.25, "0.3 s"],
    [9.97, "10 s"],
    [59.6, "1 m"],
    [184, "3 m 4 s"],
    [8040, "2 h 14 m"],
    [90_000, "1 d 1 h"],
  ])("a duration of %d s is %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it("ages grow in one unit", () => {
    expect(formatAge(100, 101)).toBe("now");
    expect(formatAge(100, 130)).toBe("30 s");
    expect(formatAgo(0, 7300)).toBe("2 h ago");
    expect(formatAge(0, 86_400 * 59)).toBe("59 d");
    expect(formatAge(0, 86_400 * 800)).toBe("2 y");
    expect(formatAge(50, 40)).toBe("now");
  });
});

describe("names", () => {
  it("lose their middle, never their end", () => {
    expect(cutMiddle("20250101_120000_a1b2c3", 12)).toBe("2025…_a1b2c3");
    expect(cutMiddle("short", 12)).toBe("short");
    expect(splitForCut("20250101_120000_a1b2c3")).toEqual(["20250101_12000", "0_a1b2c3"]);
    expect(splitForCut("short")).toEqual(["short", ""]);
  });

  it("of paths are listed with their ancestors", () => {
    expect(listAncestors("/a/b")).toEqual([
      ["/", "/"],
      ["a", "/a"],
      ["b", "/a/b"],
    ]);
  });
});

describe("locations", () => {
  it.each([
    ["user@host:/path", { host: "host", port: null, username: "user", path: "/path" }],
    ["gpu1", { host: "gpu1", port: null, username: null, path: "" }],
    ["gpu1:runs", { host: "gpu1", port: null, username: null, path: "runs" }],
    ["u@h:2222:/data/x:y", { host: "h", port: 2222, username: "u", path: "/data/x:y" }],
    ["u@h:2222", { host: "h", port: 2222, username: "u", path: "" }],
    ["a@b@host:~", { host: "host", port: null, username: "a@b", path: "~" }],
    ["u@[::1]:22:/x", { host: "::1", port: 22, username: "u", path: "/x" }],
    ["ssh://u@h:99/data", { host: "h", port: 99, username: "u", path: "/data" }],
    ["ssh://u@h/~/x", { host: "h", port: null, username: "u", path: "~/x" }],
    ["ssh u@h", { host: "h", port: null, username: "u", path: "" }],
  ])("%s is read", (text, expected) => expect(parseLocation(text)).toEqual(expected));

  it.each(["", "@host", "u@:/x", "u@h:99999:/x", "ssh://u:secret@h/", "-oProxy@h", "u@[::1", "u@ho st"])(
    "%j is refused with a sentence",
    (text) => expect(typeof parseLocation(text)).toBe("string"),
  );
});
