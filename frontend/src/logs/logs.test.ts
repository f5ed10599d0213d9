import { describe, expect, it } from "vitest";
import { fold, parseAnsi, stripAnsi, stripTime } from "./ansi";
import { LogBuffer } from "./buffer";
import { markFound } from "./parts";
import { followSight, lastStretch, MOST, NEAR, stretchAround } from "./stretch";

const ESC = "\u001b";

describe("a line of a log", () => {
  it("folds a progress bar to its last state", () => {
    expect(fold("10%\r50%\r100%\r")).toBe("100%");
    expect(fold("plain")).toBe("plain");
  });
  it("has colours and loses what else a terminal would do", () => {
    expect(parseAnsi(`a${ESC}[1;31mred${ESC}[0m b`)).toEqual([
      { text: "a", color: null, isBold: false, isDim: false },
      { text: "red", color: 1, isBold: true, isDim: false },
      { text: " b", color: null, isBold: false, isDim: false },
    ]);
    expect(stripAnsi(`${ESC}[2J${ESC}]0;title\u0007x${ESC}[38;2;1;2;3my\u0008`)).toBe("xy");
  });
  it("is text, whatever it holds", () => {
    expect(stripAnsi("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
  });
  it("can be shown without its time", () => {
    expect(stripTime("12:00:00 | step 1")).toBe("step 1");
    expect(stripTime("[2026-01-02 03:04:05,678] go")).toBe("go");
    expect(stripTime("step 12:00:00")).toBe("step 12:00:00");
  });
});

describe("markFound", () => {
  it("marks every occurrence, over the borders of colours too", () => {
    const parts = markFound(parseAnsi(`lo${ESC}[31mss and Loss`), "loss");
    expect(parts.map((one) => [one.text, one.isFound])).toEqual([
      ["lo", true],
      ["ss", true],
      [" and ", false],
      ["Loss", true],
    ]);
  });
});

describe("LogBuffer", () => {
  const live = { cursor: "", number: null, is_partial: false, is_rest: false, is_anew: false };
  it("knows which page a line before the end needs", () => {
    const buffer = new LogBuffer();
    buffer.open({ lines: [{ number: 2500, text: "z" }] });
    expect(buffer.count).toBe(2501);
    expect(buffer.missingPage(2400)).toBe(2);
    buffer.keepPage(2, ["a"]);
    expect(buffer.read(2000)).toBe("a");
    expect(buffer.missingPage(2400)).toBeNull();
    expect(buffer.read(2500)).toBe("z");
  });
  it("learns the numbers of its lines once, from a line that comes or from the last one", () => {
    const buffer = new LogBuffer();
    buffer.open({ lines: ["a", "b"].map((text) => ({ number: null, text })) });
    expect([buffer.isNumbered, buffer.count]).toEqual([false, 2]);
    buffer.take({ ...live, text: "c", number: 1002 });
    expect([buffer.isNumbered, buffer.count, buffer.moved]).toEqual([true, 1003, 1000]);
    expect(buffer.read(1000)).toBe("a");
    buffer.number(7);
    expect([buffer.count, buffer.moved]).toEqual([1003, 1000]);
  });
  it("joins the rest of a line to its beginning and begins anew with a rewritten log", () => {
    const buffer = new LogBuffer();
    buffer.take({ ...live, text: "st", is_partial: true });
    buffer.take({ ...live, text: "ep", is_rest: true });
    expect(buffer.read(0)).toBe("step");
    buffer.take({ ...live, text: "new", is_anew: true });
    expect([buffer.count, buffer.read(0)]).toEqual([1, "new"]);
  });
});

describe("the stretch of a log that is in its box", () => {
  const total = 2_500_000;
  it("is all of a log that is not too long", () => {
    expect(lastStretch(MOST)).toBe(0);
    expect(stretchAround(MOST - 1, MOST)).toBe(0);
    expect(followSight(0, MOST - 50, MOST, MOST)).toBe(0);
  });
  it("holds the end, and does not move with every line that comes", () => {
    expect(lastStretch(total) + MOST).toBeGreaterThanOrEqual(total);
    expect(lastStretch(total - 1000)).toBe(lastStretch(total));
  });
  it("is another one near its ends, with what is seen well inside", () => {
    const last = lastStretch(total);
    expect(followSight(last, last + NEAR, last + NEAR + 50, total)).toBe(last);
    const before = followSight(last, last + NEAR - 1, last + NEAR + 49, total);
    expect(before).toBeLessThan(last - 10 * NEAR);
    expect(last + NEAR).toBeLessThan(before + MOST - 10 * NEAR);
    expect(followSight(0, 0, 50, total)).toBe(0);
    expect(followSight(0, MOST - 60, MOST - 10, total)).toBeGreaterThan(0);
    expect(followSight(last, total - 50, total, total)).toBe(last);
  });
  it("is never beyond the end, also of a log that was begun anew", () => {
    expect(followSight(1_000_000, 1_400_000, 1_400_050, 3000)).toBe(0);
  });
});
