"""The site as files in memory: pages from templates, downloads, plots, samples; independent of the current time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.errors import with_remedy
from bench.leaderboard.digits import significant
from bench.leaderboard.ledger_text import data_of
from bench.leaderboard.ranking import rank
from bench.leaderboard.reasons import brief, clean
from bench.leaderboard.render import Format, render
from bench.leaderboard.reported import elsewhere, number
from bench.leaderboard.sweeps import sweep_table
from bench.leaderboard.table import Row, Table
from bench.leaderboard.trainings import training_table
from bench.reported.model import catalogs
from bench.reported.systems import Section, Survey, Surveyed, counts, surveyed
from bench.site import curve_figures, figures
from bench.site.again import commands
from bench.site.cards import card
from bench.site.claims import claims
from bench.site.curves import Chart, Panel, charts
from bench.site.definitions import as_yaml, definitions
from bench.site.drawing import System, draw
from bench.site.gallery import Shown, gallery
from bench.site.grid import grid
from bench.site.ledger import Ledger
from bench.site.names import breakable, slug
from bench.site.plots import families
from bench.site.relative import choices
from bench.site.samples import Samples
from bench.site.sources import Sources
from bench.site.sweep_plots import sweep_families
from bench.site.views import source

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = ("site.css", "site.js", "relative.js", "icon.svg")
POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "media")),
        "base-uri 'none'",
        "form-action 'none'",
    ]
)
"""Content security policy of pages: they load files of the site only, and no inline script or style ever runs."""
DOWNLOADS: tuple[tuple[Format, str, str], ...] = (
    ("markdown", "md", "Markdown"),
    ("csv", "csv", "CSV, all metrics"),
    ("latex", "tex", "LaTeX (booktabs)"),
    ("json", "json", "JSON, results whole"),
)


@dataclass(frozen=True)
class Site:
    """Everything that is published for some results."""

    sources: Sources

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the content of every file by its path within the site."""
        folder = resources.files("bench.site") / "assets"
        for name in ASSETS:
            yield f"assets/{name}", (folder / name).read_bytes()
        yield "index.html", self.index()
        for name, catalog in catalogs().items():
            yield f"reported/{name}.html", self._page("reported.html", "../", name=name, catalog=catalog)
        yield "surveys.html", self._page("surveys.html", "", surveys=_by_section())
        systems: dict[str, list[tuple[Table, Row]]] = defaultdict(list)
        for table in self.sources.tables:
            yield from self._of_table(table)
            for row in table.rows:
                systems[row.result.system.name].append((table, row))
        for name, rows in systems.items():
            yield self._system_path(name), self._system(name, rows)
        yield from self._samples.files()

    def index(self, left_out: Mapping[str, str] = MappingProxyType({})) -> bytes:
        """Return the index page.

        Args:
            left_out: names of results that are not on the site, with the reasons.
        """
        entries = [self._entry(table) for table in self.sources.tables]
        return self._page("index.html", "", entries=entries, left_out=left_out)

    @cached_property
    def _samples(self) -> Samples:
        return Samples()

    @cached_property
    def _charts(self) -> dict[str, list[Chart]]:
        """The curves over training of each table, by the name of its files."""
        return {self._name(table): charts(table, self._pages(table)) for table in self.sources.tables}

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import ChoiceLoader, Environment, FunctionLoader, PackageLoader, StrictUndefined

        templates = Environment(
            loader=ChoiceLoader([PackageLoader("bench.site"), FunctionLoader(source)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters |= {
            "clean": clean,
            "breakable": breakable,
            "brief": brief,
            "with_remedy": with_remedy,
            "yaml": as_yaml,
            "significant": significant,
        }
        templates.globals |= {
            "version": __version__,
            "policy": POLICY,
            "catalogs": catalogs(),
            "reported_number": number,
            "data_of": data_of,
            "counts": _states,
            "ledger": Ledger.of(self.sources.tables),
        }
        return templates

    def _page(self, template: str, root: str, **values: Any) -> bytes:
        return (self._templates.get_template(template).render(root=root, **values).strip() + "\n").encode()

    def _name(self, table: Table) -> str:
        return slug(f"{table.protocol.task}-{table.protocol.fingerprint}")

    def _system_path(self, name: str) -> str:
        return f"systems/{slug(name)}.html"

    def _pages(self, table: Table) -> dict[str, System]:
        """The system's page and a short key of each row, by the key of its result."""
        return {
            row.result.key: System(f"r{i}", self._system_path(row.result.system.name))
            for i, row in enumerate(table.rows)
        }

    def _entry(self, table: Table) -> dict[str, Any]:
        """One card of the index."""
        return {
            "table": table,
            "suites": _suites(table),
            "href": f"tables/{self._name(table)}.html",
            "card": card(table),
            "pages": self._pages(table),
        }

    def _of_table(self, table: Table) -> Iterator[tuple[str, bytes]]:
        name, pages = self._name(table), self._pages(table)
        groups = [*families(table), *sweep_families(table)]
        shared = {"table": table, "pages": pages, "suites": _suites(table), "name": name}
        for style, suffix, _ in DOWNLOADS:
            yield f"data/{name}.{suffix}", render([table], style).encode()
        for family in groups:
            for plot in family.plots:
                for suffix, data in figures.files(plot).items():
                    yield f"plots/{name}/{_safe(plot.name)}{suffix}", data
        drawn = self._charts[name]
        for chart in drawn:
            for suffix, data in curve_figures.files(chart).items():
                yield f"plots/{name}/{_safe(chart.name)}{suffix}", data
        samples = self._gallery(table, pages)
        shown = grid(table, pages)
        yield (
            f"tables/{name}.html",
            self._page(
                "table.html",
                "../",
                grid=shown,
                relative=choices(table, shown.columns, pages),
                families=[(f.title, [(draw(p, pages), _safe(p.name)) for p in f.plots]) for f in groups],
                charts=[(chart, _safe(chart.name)) for chart in drawn],
                claims=claims(table, pages),
                ranking=rank(table),
                definitions=definitions(table),
                commands=commands(table),
                downloads=[(f"data/{name}.{suffix}", title) for _, suffix, title in DOWNLOADS],
                gallery=f"gallery/{name}.html" if samples else "",
                **shared,
            ),
        )
        if samples:
            yield f"gallery/{name}.html", self._page("gallery.html", "../", samples=samples, **shared)

    def _gallery(self, table: Table, pages: Mapping[str, System]) -> list[dict[str, Any]]:
        """The kept samples with the reconstructions of all systems, the worst on average first."""
        by_index: dict[tuple[int, str], list[tuple[Row, Shown]]] = defaultdict(list)
        metric = None
        for row in table.rows:
            of_row = gallery(table, row, self.sources)
            metric = metric or of_row.metric
            for shown in of_row.samples:
                by_index[shown.index, shown.view].append((row, shown))
        better = -1.0 if metric and metric.higher_is_better else 1.0

        def badness(index: tuple[int, str]) -> float:
            scores = [shown.score for _, shown in by_index[index] if shown.score is not None]
            return better * sum(scores) / len(scores) if scores else float("-inf")

        order = sorted(by_index, key=lambda index: (-badness(index), index))
        if metric and len(order) > 2:
            order.insert(1, order.pop(len(order) // 2))
        standings = ("worst of the kept samples on average", "median of the kept samples on average")
        return [
            {
                "standing": standings[place] if metric and len(order) > 2 and place < len(standings) else "",
                "id": by_index[index][0][1].id,
                "view": index[1],
                "original": self._samples.view(by_index[index][0][1])["original"],
                "systems": [
                    {
                        "name": clean(row.label),
                        "href": pages[row.result.key].href,
                        "value": shown.value,
                        "reconstruction": self._samples.view(shown)["reconstruction"],
                    }
                    for row, shown in by_index[index]
                ],
            }
            for place, index in enumerate(order)
        ]

    def _curves(self, table: Table, row: Row) -> list[tuple[Chart, Panel]]:
        """The panel of a row in each of the table's charts."""
        key = self._pages(table)[row.result.key].key
        return [
            (chart, panel) for chart in self._charts[self._name(table)] for panel in chart.panels if panel.key == key
        ]

    def _system(self, name: str, rows: Sequence[tuple[Table, Row]]) -> bytes:
        parts = []
        for table, row in rows:
            kept = gallery(table, row, self.sources)
            parts.append(
                {
                    "table": table,
                    "row": row,
                    "href": f"tables/{self._name(table)}.html",
                    "estimates": _estimates(table, row),
                    "sweep": sweep_table(row.result.sweep) if row.result.sweep else None,
                    "trainings": training_table(row.result.trainings) if row.result.trainings else None,
                    "charts": self._curves(table, row),
                    "gallery": kept,
                    "samples": [self._samples.view(shown) for shown in kept.samples],
                    "elsewhere": elsewhere(table, row),
                }
            )
        return self._page("system.html", "../", name=clean(name), parts=parts)


def _by_section() -> list[tuple[Survey, list[tuple[Section, list[Surveyed]]]]]:
    """The surveys with their sections, each with its entries."""
    return [
        (survey, [(section, list(same)) for section, same in groupby(of_survey, key=lambda found: found.section)])
        for survey, of_survey in groupby(surveyed(), key=lambda found: found.survey)
    ]


def _states(sections: Sequence[tuple[Section, Sequence[Surveyed]]]) -> str:
    return counts([found for _, entries in sections for found in entries])


def _suites(table: Table) -> str:
    return clean(", ".join(sorted({row.result.suite for row in table.rows})))


def _safe(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else slug(name)


def _estimates(table: Table, row: Row) -> list[dict[str, Any]]:
    """Every metric of a result, unrounded, including the details of codebook levels where they exist."""
    estimates = []
    for column in table.columns:
        cell = row.cells.get(column.metric)
        if cell and (cell.estimate or not column.heading.detail):
            estimates.append({"column": column, "cell": cell, "estimate": cell.estimate})
    return estimates
