"""Registry lines of the data sets of graphs."""

from __future__ import annotations

from bench.registry import Entry


def _of_pykeen(name: str, summary: str, source: str) -> Entry:
    return Entry(
        name,
        "bench.modalities.graph.datasets.pykeen_graphs:PykeenGraph",
        f"{summary}; read from the package pykeen (pip install --no-deps pykeen)",
        args={"graph": name},
        modality="graph",
        source=source,
        license="none stated by the source; pykeen, which carries the files, is MIT",
    )


ENTRIES: tuple[Entry, ...] = (
    _of_pykeen("umls", "135 medical concepts, 46 relations, 6529 triples", "McCray 2003; Kok & Domingos 2007"),
    _of_pykeen("kinships", "104 members of a people, 25 kinship terms, 10686 triples", "Denham 1973; Kemp et al. 2006"),
    _of_pykeen("nations", "14 countries, 55 relations, 1992 triples", "Rummel 1976; Kemp et al. 2006"),
    Entry(
        "graph-folder",
        "bench.modalities.graph.datasets.graph_folder:GraphFolder",
        "a folder with train, valid and test (.txt or .tsv), each a triple of tab-separated names per line "
        "(--data PATH)",
        positional="data",
        modality="graph",
        source="your files",
        license="that of the files",
    ),
)
