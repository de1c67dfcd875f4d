"""Recipes, labels, names and numbers: what the command line refuses before anything starts."""

import os
import shutil
import sys

import pytest

from ftui.core import languages, recipe
from ftui.core.errors import UserError
from ftui.ui import form, planning
from tests.bad_input.conftest import words

ROWS = [("good one here", "a"), ("bad one there", "b")] * 30


def csv(path, rows=ROWS, header="text,label"):
    path.write_text(header + "\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def cyclic(depth: int = 9) -> str:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, depth))]
    return "\n".join(lines) + "\n"


WHOLE = "data: {path: x.csv}\n"
TEXTS = [
    ("", "recipe_unreadable"),
    ("- a\n- b\n", "recipe_unreadable"),
    ("just words", "recipe_unreadable"),
    ("a: [", "recipe_unreadable"),
    ("a: b: c", "recipe_unreadable"),
    ("\tdata: x", "recipe_unreadable"),
    ("[" * 50_000, "recipe_unreadable"),
    (cyclic(), "recipe_alias"),
    ("a: &a {b: *a}\n" + WHOLE, "recipe_alias"),
    ("x: !!python/object/apply:os.system ['touch {owned}']\n" + WHOLE, "recipe_unreadable"),
    ("x: !!python/name:os.system\n" + WHOLE, "recipe_unreadable"),
    ("x: !anything {a: 1}\n" + WHOLE, "recipe_unreadable"),
    ("? [a, b]\n: c\n" + WHOLE, "recipe_unreadable"),
    ("{a: b}: c\n" + WHOLE, "recipe_unreadable"),
    ("1: 2\n" + WHOLE, "recipe_bad_value"),
    ("null: 2\n" + WHOLE, "recipe_bad_value"),
    ("data: {path: x.csv, path: y.csv}\nnonsense: 1\n", "recipe_unknown_key"),
    ("date: 2024-13-45\n" + WHOLE, "recipe_unreadable"),
    ("#" * 1_100_000, "recipe_unreadable"),
    ("data: null\n", "recipe_bad_value"),
    ("data: x.csv\n", "recipe_bad_value"),
    ("version: 2\n" + WHOLE, "recipe_bad_value"),
    ("task: world-domination\n" + WHOLE, "recipe_bad_value"),
    ("strategy: {name: magic}\n" + WHOLE, "recipe_bad_value"),
    ("strategy: full\n" + WHOLE, "recipe_bad_value"),
    ("strategy: {name: full, r: 8}\n" + WHOLE, "recipe_unknown_key"),
    ("model: ''\n" + WHOLE, "recipe_bad_value"),
    ("model: [a]\n" + WHOLE, "recipe_bad_value"),
    ('model: "a\\nb"\n' + WHOLE, "recipe_bad_value"),
    ("nonsense: 1\n" + WHOLE, "recipe_unknown_key"),
    ("training: {learning_rat: 1}\n" + WHOLE, "recipe_unknown_key"),
    ("training: {trust_remote_code: true}\n" + WHOLE, "recipe_unknown_key"),
    ("data: {path: x.csv, columns: [a]}\n", "recipe_bad_value"),
    ("data: {}\n", "recipe_missing_key"),
    ("{}", "recipe_missing_key"),
]


@pytest.mark.parametrize(("text", "code"), TEXTS, ids=[f"{i}-{text[:24]!r}" for i, (text, _) in enumerate(TEXTS)])
def test_a_recipe_that_is_none(tmp_path, refused, text, code):
    path = tmp_path / "recipe.yaml"
    path.write_text(text.replace("{owned}", str(tmp_path / "owned")), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        recipe.load(path)
    assert caught.value.code == code
    said = refused("train", path)
    assert "recipe.yaml" in said["en"] or "“" in said["en"]
    assert not (tmp_path / "owned").exists()


class TestPlaces:
    @pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "/", "/nowhere/r.yaml", "x" * 300])
    def test_what_is_no_file(self, refused, path):
        refused("train", path)

    def test_a_pipe_and_other_bytes(self, tmp_path, refused):
        os.mkfifo(tmp_path / "pipe.yaml")
        assert "no ordinary file" in refused("train", tmp_path / "pipe.yaml")["en"]
        (tmp_path / "gbk.yaml").write_bytes("model: 模型\n".encode("gbk"))
        refused("train", tmp_path / "gbk.yaml")
        (tmp_path / "nul.yaml").write_bytes(b"\x00" * 100)
        refused("train", tmp_path / "nul.yaml")


# Numbers that no setting can have, and settings that are numbers.
NUMBERS = ["0", "-1", ".nan", ".inf", "-.inf", "1e400", "1e309", "99999999999999999999999999", "seven", "[]", "{}", "''", "null", "2024-01-01", "0x10g", "١٢٣x", "1;2", "true and false"]  # fmt: skip
SETTINGS = ["learning_rate", "num_train_epochs", "per_device_train_batch_size", "max_length", "gradient_accumulation_steps"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_number_that_cannot_be(tmp_path, setting, number):
    """By file, by --set and by the form: the same field is named."""
    path = tmp_path / "recipe.yaml"
    path.write_text(f"data: {{path: x.csv}}\ntraining:\n  {setting}: {number}\n", encoding="utf-8")
    plain = tmp_path / "plain.yaml"
    plain.write_text(WHOLE)
    for wrong in (lambda: recipe.load(path), lambda: recipe.load(plain, [f"training.{setting}={number}"])):
        with pytest.raises(UserError) as caught:
            wrong()
        assert caught.value.code == "recipe_bad_value"
        assert f"training.{setting}" in caught.value.message("en") and "\n" not in caught.value.message("zh")
        assert any("\u4e00" <= c <= "\u9fff" for c in caught.value.params["problem"]["zh"]), caught.value.params


@pytest.mark.parametrize(
    "change",
    ["data.test_size=1", "data.test_size=-0.1", "data.validation_size=.nan", "data.seed=-1", "data.seed=1e40", "strategy.name=lora,strategy.r=0", "training.warmup_steps=-1", "training.max_steps=-2", "training.adam_beta1=1.0", "training.weight_decay=1e400", "training.fp16=maybe", "training.seed=1.5", "training.eval_strategy=steps", "retries=99", "device=tpu"],
)
def test_other_settings_have_their_bounds(tmp_path, change, refused):
    csv(tmp_path / "x.csv")
    path = tmp_path / "recipe.yaml"
    path.write_text(WHOLE)
    sets = [part for one in change.split(",") for part in ("--set", one)]
    refused("train", path, *sets)


@pytest.mark.parametrize("change", ["nonsense", "=1", "data.path.x.y=1", "a=[", "a=*b", "a=&b *b", "training.seed=!!python/name:os.system", ".=1", "data.columns={text: [}"])
def test_a_set_that_is_not_understood(tmp_path, change, refused):
    path = tmp_path / "recipe.yaml"
    path.write_text(WHOLE)
    refused("train", path, "--set", change)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e400", "abc", "一", "", " ", "<b>"])
def test_the_form_refuses_what_the_file_refuses(value):
    """The form's own way from a text to the recipe."""
    values = [value if name == "training.learning_rate" else "full" if name == "strategy.name" else "starter-encoder" if name == "model" else form.control(name, "en").value for name in form.FIELDS]
    content = form.content(form.named(tuple(values)))
    content["data"] |= {"path": "x"}
    with pytest.raises(UserError) as caught:
        recipe.build(content)
    for lang in languages.LANGUAGES:
        shown = planning.explain(caught.value, lang)
        assert words(languages.setting("training.learning_rate", lang)[0]) in words(shown)
        assert "<b>" not in shown


MANY = [(f"text number {i}", f"class {i % 10_000}") for i in range(20_000)]
LABELS = [
    ("one class", [("a text", "only")] * 30, "one_class"),
    ("one row", [("a text", "a")], "too_few_rows"),
    ("two rows", [("a text", "a"), ("another", "b")], "too_few_rows"),
    ("all empty", [("a text", "")] * 30, None),
    ("not a number", [("a text", "nan")] * 30, "one_class"),
    ("a class a row", [(f"text {i}", f"class {i}") for i in range(40)], "labels_all_distinct"),
    ("10,000 classes", MANY, "labels_all_distinct"),
    ("no text", [("", "a"), ("", "b")] * 20, None),
]


@pytest.mark.parametrize(("rows", "code"), [row[1:] for row in LABELS], ids=[row[0] for row in LABELS])
def test_labels_that_cannot_be_learned(tmp_path, home, refused, rows, code):
    csv(tmp_path / "x.csv", rows)
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {path: x.csv, columns: {text: text, label: label}}\n")
    from ftui import jobs

    with pytest.raises(UserError) as caught:
        jobs.start_training(recipe.load(path), home)
    assert code is None or caught.value.code == code
    said = refused("train", path)
    assert "label" in said["en"] or "rows" in said["en"]
    for lang in languages.LANGUAGES:
        assert words(said[lang]) in words(planning.explain(caught.value, lang))
    assert not home.runs.exists()


def test_numbers_are_labels_and_long_labels_are_cut_where_they_are_shown(tmp_path, home):
    from ftui.data import inspecting, intake
    from ftui.ui import data_tab, readings

    long = "very long label " * 5000
    dataset = intake.import_file(csv(tmp_path / "x.csv", [("a text", "1"), ("b text", "2.0"), ("c text", long)] * 20), home)
    assert [label for label, _ in inspecting.label_counts(dataset.table(), "label")] == ["1", "2.0", long.strip()]
    for lang in languages.LANGUAGES:
        reading = readings.written(dataset.id, readings.of("text-classification", {"text": "text", "label": "label"}))
        counts, lengths = data_tab.view_columns(home, lang, dataset.id, reading)
        notice = data_tab.workshop.inspect(home, lang, dataset.id, reading, "{}")[0]
        assert len(counts) < 50_000 and len(notice) < 20_000


@pytest.mark.parametrize("columns", ["{text: nowhere}", "{text: text, label: text}", "{texts: text}", "{text: ''}", '{text: "<script>"}'])
def test_columns_that_are_not_there(tmp_path, refused, columns):
    csv(tmp_path / "x.csv")
    path = tmp_path / "recipe.yaml"
    path.write_text(f"data: {{path: x.csv, columns: {columns}}}\n")
    refused("train", path)


NAMES = ["../x", "/etc/passwd", "x/../../y", "a\tb", "\u202ecod.exe", "😀", "n" * 300, "<script>alert(1)</script>", "$(touch owned)", "; touch owned", "%s%n", "{run}", "-x", "0x", "latest", "*"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_run_that_there_cannot_be(refused, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (("runs", "show"), ("runs", "stop"), ("runs", "resume"), ("runs", "delete"), ("export",), ("script",), ("serve",), ("predict",), ("evaluate",)):
        extra = {"predict": ["text"], "evaluate": [csv(tmp_path / "x.csv")]}.get(command[0], [])
        said = refused(*command, name, *extra)
        assert said.get("code") in (None, "run_unknown", "usage" if name.startswith("-") else "run_unknown")
    assert not (tmp_path / "owned").exists()


def test_wrong_usage_is_one_sentence_too(refused):
    for arguments in (["fly"], ["train"], ["runs"], ["runs", "show"], ["train", "x.yaml", "--nonsense"], ["ui", "--port", "many"]):
        if arguments != ["runs"]:
            refused(*arguments)


class TestDisk:
    """A home that is full, or may not be written to; what was being written is gone afterwards."""

    @pytest.fixture
    def limited(self):
        """No file may become larger than 20 kB, as on a disk that is full."""
        import contextlib
        import resource

        @contextlib.contextmanager
        def small():
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        return small

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_a_full_disk(self, tmp_path, home, refused, limited, suffix):
        path = tmp_path / f"x.{suffix}"
        rows = [("some text that is long enough", "a"), ("other text", "b")] * 2000
        csv(path, rows) if suffix == "csv" else path.write_text('{"text": "some text that is long", "label": "a"}\n' * 4000)
        assert refused("data", "report", path, who=limited)["code"] == "disk_full"
        assert not home.datasets.exists() or list(home.datasets.iterdir()) == []

    def test_a_full_disk_at_the_start_of_a_run(self, tmp_path, home, refused, limited, monkeypatch):
        from ftui.data import intake

        intake.import_file(csv(tmp_path / "x.csv"), home)
        monkeypatch.setattr(recipe, "dump", lambda _: "x" * 50_000)
        (tmp_path / "recipe.yaml").write_text(WHOLE)
        said = refused("train", tmp_path / "recipe.yaml", who=limited)
        assert "disk" in said["en"]
        assert home.all_runs() == [] and (not home.runs.exists() or list(home.runs.iterdir()) == [])

    def test_a_full_disk_costs_no_list_of_runs(self, home, limited, monkeypatch, capsys):
        from ftui import __main__ as command

        monkeypatch.setattr(sys, "argv", ["ftui", "runs", "list", "--json", "--home", str(home.path)])
        with limited():
            assert command.main() == 0
        assert capsys.readouterr().out == '{"runs": []}\n'

    def test_a_home_that_may_not_be_written_to(self, tmp_path, open_folder, monkeypatch, somebody, refused):
        csv(open_folder / "x.csv")
        (open_folder / "recipe.yaml").write_text(WHOLE)
        (open_folder / "home").mkdir(mode=0o755)
        import ftui.core.home as homes

        monkeypatch.setattr(homes, "resolve", lambda path=None: homes.Home(open_folder / "home"))
        assert refused("data", "report", open_folder / "x.csv", who=somebody)["code"] == "not_writable"
        refused("train", open_folder / "recipe.yaml", who=somebody)
        assert list((open_folder / "home").iterdir()) == []
        shutil.rmtree(open_folder / "home")
        (open_folder / "home").write_text("a file")
        refused("data", "report", open_folder / "x.csv", who=somebody)


DAMAGE = [
    ("recipe.yaml", b"data: ["),
    ("recipe.yaml", b""),
    ("recipe.yaml", b"just words"),
    ("recipe.yaml", bytes(200)),
    ("job.json", b"{"),
    ("job.json", b"[]"),
    ("job.json", b""),
]


@pytest.mark.parametrize(("name", "content"), DAMAGE, ids=str)
def test_one_damaged_run_hides_no_other(tmp_path, home, refused, name, content):
    from ftui import jobs
    from ftui.core import events as ev
    from ftui.data import intake
    from ftui.ui import sidebar
    from tests.ui.conftest import make_run

    dataset = intake.import_file(csv(tmp_path / "x.csv"), home)
    (bad, job, events), (good, _, _) = make_run(home, dataset), make_run(home, dataset)
    events.state(ev.STOPPED, exit_code=3)
    ((bad.path if name == "recipe.yaml" else job.path) / name).write_bytes(content)
    assert [line["id"] for line in jobs.summaries(home)] == [good.id]
    listed, *_ = sidebar.runs(home, "zh", bad.id, "", "", "")
    assert good.id in listed
    assert refused("runs", "show", bad.id)["code"] == "run_broken"
