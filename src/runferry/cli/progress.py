"""Shows how far a sync is: a bar on a terminal, a line now and then elsewhere, and a summary at the end."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from runferry.cli.client import Json
from runferry.cli.terminal import Terminal
from runferry.cli.text import clean, count_noun, cut_middle, format_bytes, format_duration
from runferry.model import ProblemCode

LINE_SECONDS = 2.0
"""How often a line is printed where there is no terminal to draw a bar on."""

SHOWN = 20
"""How many problems a summary lists; `runferry problems` has more."""

NAME_WIDTH = 40

CHOSEN = frozenset({ProblemCode.SKIPPED, ProblemCode.EXCLUDED, ProblemCode.TOO_LARGE, ProblemCode.LINK})
"""Left out by a rule or a wish, which is no trouble."""


_TROUBLES = {ProblemCode.HALTED: "not removed", ProblemCode.DAMAGED: "not understood: {path}"}
"""What became of a file with a problem, where it is not the usual: that it is not here."""


class ProgressView:
    """Shows the states of one sync while its context lasts. ``show`` takes a sync as the API's status has it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._last_line = ""
        self._last_at = 0.0
        self._bar: Progress | None = None
        if terminal.err.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[counts]}"),
                console=terminal.err,
                transient=True,
            )
            self._task = self._bar.add_task("connecting", total=None, counts="")

    def __enter__(self) -> ProgressView:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, sync: Json) -> None:
        counts = describe_counts(sync)
        if self._bar is None:
            self._show_line(f"{sync['state']}: {counts}")
            return
        name = cut_middle(clean(sync.get("current_file") or ""), NAME_WIDTH)
        total = sync["bytes_total"] or None
        self._bar.update(
            self._task, description=sync["state"], total=total, completed=sync["bytes_done"], counts=f"{counts}  {name}"
        )

    def _show_line(self, line: str) -> None:
        now = time.monotonic()
        if line != self._last_line and now - self._last_at >= LINE_SECONDS:
            self._terminal.note(line)
            self._last_line, self._last_at = line, now


def describe_counts(sync: Json) -> str:
    """Return files, bytes, rate and time left; or why it waits."""
    if sync["state"] == "reconnecting" and sync.get("last_error"):
        return clean(sync["last_error"])
    parts = [
        f"{sync['files_done']:,}/{sync['files_total']:,} files",
        f"{format_bytes(sync['bytes_done'])} of {format_bytes(sync['bytes_total'])}",
    ]
    if sync["bytes_per_second"]:
        parts.append(f"{format_bytes(sync['bytes_per_second'])}/s")
    if sync.get("eta_seconds"):
        parts.append(f"{format_duration(sync['eta_seconds'])} left")
    return "  ".join(parts)


def count_troubles(sync: Json) -> int:
    """Return how many of the listed problems are real ones: files that should be here and are not."""
    return sum(one["code"] not in CHOSEN | {ProblemCode.DAMAGED} for one in sync["problems"])


def show_summary(terminal: Terminal, sync: Json, *, seconds: float) -> None:
    """Say what was copied where, what was left out and why, and what went wrong with which file."""
    copied = f"{count_noun(sync['copied_files'], 'file')}, {format_bytes(sync['copied_bytes'])}"
    terminal.say(f"Copied {copied} in {format_duration(seconds)} to {sync['local_root']}")
    left_out = Counter(one["message"] for one in sync["problems"] if one["code"] in CHOSEN)
    for reason, count in left_out.most_common():
        terminal.say(f"  left out {count_noun(count, 'file')}: {reason}")
    troubles = [one for one in sync["problems"] if one["code"] not in CHOSEN]
    for one in troubles[:SHOWN]:
        what = _TROUBLES.get(one["code"], "not copied: {path}").format(path=one["path"])
        terminal.say(f"  {what}: {one['message']}", style="yellow")
    unseen = len(troubles[SHOWN:]) + sync["problem_count"] - len(sync["problems"])
    if unseen > 0:
        terminal.say(f"  and {unseen:,} more: runferry problems")


def make_line(text: str, at: float) -> Text:
    """Return one line of the news: the time of day and what happened."""
    return Text(f"{time.strftime('%H:%M:%S', time.localtime(at))}  {clean(text)}")
