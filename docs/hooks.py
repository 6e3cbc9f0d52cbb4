"""What mkdocs is told beside mkdocs.yml: pages that stand elsewhere, and links to files of the repository."""

import logging
import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.links")

ELSEWHERE = ("CONTRIBUTING.md", "CHANGELOG.md", "deploy/compose/README.md", "deploy/azure/README.md")
"""Pages outside docs/: on the site they have the paths that they have in the repository."""
MADE = {"reference/openapi.json": "build/reference/openapi.json"}
"""Files that are made of the code, by their path on the site."""

_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the pages that a pattern in the navigation stands for."""
    config.nav = _named(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    for name, path in {**dict(zip(ELSEWHERE, ELSEWHERE, strict=True)), **MADE}.items():
        files.append(File.generated(config, name, abs_src_path=str(Path(path).resolve())))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Point links to files of the repository at pages where there are any; of other files name the path."""
    here = PurePosixPath(page.file.src_uri)
    in_repository = here if str(here) in ELSEWHERE else PurePosixPath("docs") / here

    def pointed(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target:
            return match[0]
        path = os.path.normpath(in_repository.parent / target)
        on_site = path.removeprefix("docs/")
        if files.get_file_from_path(on_site):
            return f"[{text}]({os.path.relpath(on_site, here.parent)}{anchor})"
        if not Path(path).exists():
            log.warning("%s links to %s, which is not there", here, target)
        return text if text.strip("`") in path else f"{text} (`{path}`)"

    return _LINK.sub(pointed, markdown)


def _named(nav: object, docs: Path) -> object:
    if isinstance(nav, list):
        return [_named(each, docs) for each in nav]
    if isinstance(nav, dict):
        return {title: _named(each, docs) for title, each in nav.items()}
    if isinstance(nav, str) and "*" in nav:
        return [path.relative_to(docs).as_posix() for path in sorted(docs.glob(nav))]
    return nav
