"""A second build runs those notebooks whose result can have changed, and no other."""

from __future__ import annotations

from pathlib import Path

from workbench.small_blog import Project, make_project

AREAS, NUMBERS = "notebooks/areas.py", "notebooks/numbers.py"


def test_first_build_shows_values_and_figures_in_the_post(built: Project) -> None:
    assert '<span class="nb-value">27.0</span>' in built.post
    assert '<span class="nb-value">2.0</span>' in built.post
    assert 'alt="A dark bar"' in built.post
    assert "<em>bar</em>" in built.post


def test_nothing_changed_runs_nothing_and_builds_the_same_site(project: Project) -> None:
    before = project.tree("site")
    assert project.build().succeeded().executed == set()
    assert project.tree("site") == before


def test_a_word_in_a_post_runs_nothing(project: Project) -> None:
    project.change("docs/posts/circles.md", "The area is", "Its area is")
    assert project.build().succeeded().executed == set()
    assert "Its area is" in project.post


def test_a_caption_runs_nothing(project: Project) -> None:
    project.change("docs/posts/circles.md", "A *bar*.", "Another *bar*.")
    assert project.build().succeeded().executed == set()
    assert "Another <em>bar</em>" in project.post


def test_prose_in_a_notebook_runs_nothing_and_shows_on_its_page(project: Project) -> None:
    project.change("docs/notebooks/areas.py", "How large a circle is.", "How big it is.")
    assert project.build().succeeded().executed == set()
    assert "How big it is." in project.page("notebooks/areas.html")


def test_a_label_runs_nothing(project: Project) -> None:
    project.change("docs/notebooks/areas.py", "label: area\n", "label: size\n")
    project.change("docs/posts/circles.md", "#area)", "#size)")
    assert project.build().succeeded().executed == set()


def test_a_cell_runs_its_notebook(project: Project) -> None:
    project.change("docs/notebooks/numbers.py", "arange(5)", "arange(7)")
    assert project.build().succeeded().executed == {NUMBERS}
    assert '<span class="nb-value">3.0</span>' in project.post


def test_a_module_imported_through_another_runs_those_that_import_it(project: Project) -> None:
    project.change("code/shapes/numbers.py", "3.0", "3.14")
    assert project.build().succeeded().executed == {AREAS}
    assert '<span class="nb-value">28.3</span>' in project.post


def test_a_module_that_nobody_imports_runs_nothing(project: Project) -> None:
    project.change("code/shapes/unused.py", "X = 1", "X = 2")
    assert project.build().succeeded().executed == set()


def test_going_back_to_an_earlier_module_runs_nothing(project: Project) -> None:
    project.change("code/shapes/numbers.py", "3.0", "3.14")
    project.build().succeeded()
    project.change("code/shapes/numbers.py", "3.14", "3.0")
    assert project.build().succeeded().executed == set()
    assert '<span class="nb-value">27.0</span>' in project.post


def test_a_declared_input_runs_the_notebook_that_declares_it(project: Project) -> None:
    project.write("data/measured.txt", "4\n")
    assert project.build().succeeded().executed == {AREAS}
    assert '<span class="nb-value">48.0</span>' in project.post


def test_a_pattern_declares_every_file_that_matches_it(project: Project) -> None:
    project.change("docs/notebooks/areas.py", "inputs: data/measured.txt", "inputs: data/*.txt")
    project.build().succeeded()
    project.write("data/unread.csv", "1\n")
    assert project.build().succeeded().executed == set()
    project.write("data/more.txt", "1\n")
    assert project.build().succeeded().executed == {"notebooks/areas.py"}
    project.write("data/more.txt", "2\n")
    assert project.build().succeeded().executed == {"notebooks/areas.py"}


def test_a_pattern_without_a_match_stops_the_build(project: Project) -> None:
    project.change("docs/notebooks/areas.py", "inputs: data/measured.txt", "inputs: data/*.csv")
    line = project.line("docs/notebooks/areas.py", "data/*.csv")
    project.build().failed(
        f"docs/notebooks/areas.py:{line - 1} (cell area): ", "data/*.csv", "cannot be read"
    )


def test_an_input_of_all_notebooks_runs_them_all(project: Project) -> None:
    project.write("style.txt", "bold\n")
    assert project.build().succeeded().executed == {AREAS, NUMBERS}


def test_a_pinned_version_runs_those_that_import_the_package(project: Project) -> None:
    project.change("requirements.txt", "numpy==2.4.6", "numpy==2.4.5")
    assert project.build().succeeded().executed == {NUMBERS}


def test_a_pinned_version_of_the_theme_runs_nothing(project: Project) -> None:
    project.change("requirements.txt", "mkdocs==1.6.1", "mkdocs==1.6.0")
    assert project.build().succeeded().executed == set()


def test_why_names_the_part_that_changed(project: Project) -> None:
    project.change("code/shapes/numbers.py", "3.0", "3.14")
    output = project.build("--why").succeeded().output
    assert f"{AREAS}: module code/shapes/numbers.py: changed" in output
    assert f"{NUMBERS}: unchanged" in output


def test_fresh_runs_everything(project: Project) -> None:
    assert project.build("--fresh").succeeded().executed == {AREAS, NUMBERS}


def test_another_folder_has_the_same_site_byte_for_byte(built: Project, tmp_path: Path) -> None:
    other = make_project(tmp_path / "a folder elsewhere")
    other.build().succeeded()
    assert other.tree("site") == built.tree("site")
