"""LLaMA-Factory's output directories: ``trainer_log.jsonl``, live while the Trainer's state is not. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.json_rows import RowsParser
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source, has_size, only, split_path
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import TableRules
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import Run

_LOG = "trainer_log.jsonl"
_PARAMS = ("training_args.yaml", "llamaboard_config.yaml")
_RULES = TableRules(steps=("current_steps",))


class LlamaFactory(RunFormat):
    """Read together with the Trainer's own state, if there is one."""

    FORMAT = "llama_factory"
    TITLE = "LLaMA-Factory"
    READER = "llama-factory-1"
    NOTES = ("It tells no status.",)
    LAST_WINS = True
    HOLDS_OTHERS = True
    GATHERS = frozenset({"tensorboard"})

    def find_runs(self, listing: Listing) -> dict[str, str]:
        return dict.fromkeys(listing.dirs_with(_LOG), f"holds {_LOG}")

    def is_metadata(self, path: str, size: int) -> bool:
        return has_size(size) and split_path(path)[1] in _PARAMS

    def documents(self, names: Names) -> list[str]:
        return only(names, _PARAMS)

    def sources(self, names: Names) -> list[Source]:
        return [Source(name, "trainer_log") for name in only(names, (_LOG,))]

    def log_files(self, names: Names) -> list[str]:
        return only(names, ("running_log.txt",))

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        params: dict[str, object] = {}
        for name in reversed(_PARAMS):
            params |= read_yaml_object(documents.get(name, b"")) or {}
        return make_run(run_dir, self.FORMAT, {}, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return RowsParser(position, state, rules=_RULES)
