"""The data workshop's handlers, without Gradio's server."""

import doctest
import json
from pathlib import Path

import gradio as gr
import pytest

from ftui.core.access import DEMO, PRIVATE
from ftui.core.augmentation import AUGMENT
from ftui.core.home import Home
from ftui.core.steps import CLEAN
from ftui.data import intake
from ftui.ui import data_tab, growing, planning, sources, step_form, workshop
from tests.ui.conftest import reading_of
from tests.ui.test_tabs import VALUES

READING = reading_of("text", "label")

ROWS = "text,label\n" + "".join(f"第{i}条<br/>{'很好' if i % 2 else '太差'}的评论 {i * 7919 % 100},{'pos' if i % 2 else 'neg'}\n" for i in range(40))
MESSY = ROWS + "第1条<br/>很好的评论 19,pos\n" * 3 + "另外一条与众不同的话,Pos\n"


@pytest.fixture
def messy(home: Home, tmp_path: Path) -> intake.Dataset:
    path = tmp_path / "messy.csv"
    path.write_text(MESSY, encoding="utf-8")
    return intake.import_file(path, home)


def inspect(home: Home, dataset: intake.Dataset, plan: str = "{}", lang: str = "en") -> tuple[str, str]:
    return workshop.inspect(home, lang, dataset.id, READING, plan)


def act(home: Home, dataset: intake.Dataset, pick: str, plan: str = "{}") -> tuple:
    return workshop.act(home, "en", pick, dataset.id, READING, plan)


def names(plan: str) -> list[str]:
    return [step["name"] for step in json.loads(plan).get("clean", [])]


class TestFindings:
    def test_each_has_its_rows_and_its_cure(self, home, messy):
        findings, steps = inspect(home, messy)
        for kind in ("markup", "duplicates", "label_twins"):
            assert f'data-pick="rows:{kind}"' in findings and f'data-pick="cure:{kind}"' in findings
        assert "None yet" in steps
        plan, panel = act(home, messy, "rows:label_twins")
        assert plan == gr.skip() and "与众不同" in panel and "第2条" not in panel

    def test_a_cure_is_a_step_and_the_finding_is_gone(self, home, messy):
        plan, panel = act(home, messy, "cure:markup")
        assert names(plan) == ["strip_html"]
        assert "<mark class='gone'>&lt;br/&gt;</mark>" in panel
        findings, steps = inspect(home, messy, plan)
        assert "cure:markup" not in findings and "43 rows changed, 0 left out" in steps

    def test_what_matters_is_mended_at_once_and_hints_are_folded(self, home, tmp_path):
        (tmp_path / "more.csv").write_text(MESSY + "ＡＢ１２  的那一条评论,neg\n", encoding="utf-8")
        messy = intake.import_file(tmp_path / "more.csv", home)
        findings, _ = inspect(home, messy)
        grave, hints = findings.split("<details")
        assert 'class="finding info"' not in grave and 'class="finding warn"' not in hints and "cure_all:" in grave
        plan, panel = act(home, messy, "cure_all:")
        steps = [step["name"] for step in json.loads(plan)["clean"]]
        assert len(steps) > 1 and steps == sorted(steps, key=list(CLEAN).index) and panel == ""
        after = inspect(home, messy, plan)[0]
        assert 'class="finding warn"' not in after and "Nothing here stands in the way" in after

    def test_without_columns_it_says_what_to_do(self, home, messy):
        assert "needs a column for: text" in workshop.inspect(home, "en", messy.id, reading_of(None, "label"), "{}")[0]
        assert "same column" in workshop.inspect(home, "en", messy.id, reading_of("text", "text"), "{}")[0]
        assert "looks like text" in workshop.inspect(home, "en", messy.id, reading_of("label", "text"), "{}")[0]


class TestSteps:
    def test_order_and_removal(self, home, messy):
        plan = workshop.written({"clean": [{"name": "strip_html"}, {"name": "drop_duplicates"}, {"name": "lowercase"}]})
        assert names(act(home, messy, "up:2", plan)[0]) == ["strip_html", "lowercase", "drop_duplicates"]
        assert names(act(home, messy, "down:0", plan)[0]) == ["drop_duplicates", "strip_html", "lowercase"]
        assert names(act(home, messy, "remove:1", plan)[0]) == ["strip_html", "lowercase"]

    def test_what_a_step_left_out_is_shown(self, home, messy):
        plan = workshop.written({"clean": [{"name": "drop_duplicates"}]})
        assert act(home, messy, "see:0", plan)[1].count('class="dropped"') == 3

    @pytest.mark.parametrize("name", list(CLEAN))
    def test_every_step_can_be_added(self, home, messy, name):
        *fields, about = step_form.settings("zh", name)
        values = [field.value if field.visible else "" for field in fields]
        values = {"replace": ["评论", "话", "false"], "merge_labels": ["Pos = pos", "", ""]}.get(name, values)
        plan, notice = workshop.add(home, "zh", messy.id, "{}", name, *values)
        assert notice == "" and about and names(plan) == [name]
        assert "step" in inspect(home, messy, plan)[1]

    def test_a_bad_setting_is_one_sentence(self, home, messy):
        plan, notice = workshop.add(home, "en", messy.id, "{}", "replace", "(", "", "")
        assert plan == gr.skip() and "no regular expression" in notice
        assert "Choose a step" in workshop.add(home, "en", messy.id, "{}", None, "", "", "")[1]

    def test_the_plan_survives_and_is_what_trains(self, home, messy):
        plan, _ = act(home, messy, "cure:duplicates")
        shown = data_tab.show(home, "en", messy.id)
        assert shown[6] == plan
        made = planning.make_recipe(home, messy.id, READING, (0.2, 0.1), tuple(VALUES))
        assert [step.name for step in made.data.clean] == ["drop_duplicates"]
        sizes = data_tab.split_sizes(messy.path, READING, 0.2, 0.1, plan)
        assert sum(sizes.values()) == 41

    def test_a_spoilt_plan_is_no_plan(self, home, messy):
        (messy.path / "plan.json").write_text('{"columns": {}, "plan": {"clean": [{"name": "rm -rf"}]}}', encoding="utf-8")
        assert workshop.saved(messy.path)["plan"] == {}


class TestSources:
    def test_a_file_becomes_a_data_set(self, home: Home, toy_csv):
        *_, (data_id, notice, zone) = sources.add_files(home, "en", [str(toy_csv)])
        assert notice == "" and zone is None
        assert home.dataset(data_id).is_dir()

    def test_a_bad_file_is_one_sentence(self, home: Home, tmp_path):
        bad = tmp_path / "empty.csv"
        bad.write_bytes(b"")
        *_, (data_id, notice, _) = sources.add_files(home, "zh", [str(bad)])
        assert data_id == gr.skip() and "empty.csv" in notice and 'role="alert"' in notice

    def test_what_nobody_has_foreseen_is_not_passed_over(self, home: Home, tmp_path):
        """The upload was cleared away before it was read."""
        with pytest.raises(FileNotFoundError):
            list(sources.add_files(home, "en", [str(tmp_path / "gone.csv")]))

    def test_a_big_file_says_how_far_it_is(self, home: Home, tmp_path, monkeypatch):
        monkeypatch.setattr(sources, "TELL_ROWS", 10_000)
        path = tmp_path / "big.csv"
        path.write_text("text,label\n" + "".join(f"text {i},{i % 2}\n" for i in range(60_000)))
        *told, (data_id, notice, _) = sources.add_files(home, "en", [str(path)])
        assert len(told) >= 2 and "rows so far" in told[0][1] and notice == ""

    def test_several_files_are_told_by_their_names(self, home: Home, tmp_path):
        assert doctest.testmod(sources).failed == 0
        paths = [tmp_path / name for name in ("评论_测试集.csv", "reviews.csv", "my-dev.csv")]
        for i, path in enumerate(paths):
            path.write_text(ROWS + f"{i},pos\n", encoding="utf-8")
        *_, (data_id, notice, _) = sources.add_files(home, "zh", [str(path) for path in paths])
        assert "评论_测试集.csv" in notice and "my-dev.csv" in notice
        assert intake.open_dataset(home.dataset(data_id)).card()["name"] == "reviews.csv"
        made = planning.make_recipe(home, data_id, READING, (0.2, 0.1), tuple(VALUES)).data
        assert intake.open_dataset(Path(made.test_path)).card()["name"] == "评论_测试集.csv"
        plan = data_tab.show(home, "zh", data_id)[6]
        assert "leak_test" in workshop.inspect(home, "zh", data_id, READING, plan)[0]

    def test_files_that_are_left_aside_are_told(self, home: Home, tmp_path):
        paths = [tmp_path / name for name in ("reviews-2023.csv", "reviews-2024.csv", "test.csv")]
        for i, path in enumerate(paths):
            path.write_text(ROWS + f"{i},pos\n", encoding="utf-8")
        *_, (data_id, notice, _) = sources.add_files(home, "en", [str(path) for path in paths])
        assert intake.open_dataset(home.dataset(data_id)).card()["name"] == "reviews-2023.csv"
        assert "Left aside: reviews-2024.csv." in notice and "Recognised by their names: test.csv." in notice
        paths[2].write_bytes(paths[0].read_bytes())
        *_, (_, notice, _) = sources.add_files(home, "zh", [str(paths[0]), str(paths[2])])
        assert "未使用：test.csv" in notice

    def test_rows_can_be_pasted(self, home: Home):
        data_id, notice = sources.add_pasted(home, "en", "text\tlabel\ngood\tpos\nbad\tneg")
        assert notice == "" and intake.open_dataset(home.dataset(data_id)).card()["rows"] == 2
        assert "at least a header" in sources.add_pasted(home, "en", " ")[1]

    def test_a_path_only_on_this_machine(self, home: Home, toy_csv):
        assert sources.add_named(home, "en", str(toy_csv))[1] == ""
        for way in (PRIVATE, DEMO):
            data_id, notice = sources.add_named(home, "en", str(toy_csv), way)
            assert data_id == gr.skip() and 'role="alert"' in notice
        assert "nowhere.csv" in sources.add_named(home, "en", "nowhere.csv")[1]
        assert "reads no data sets of the Hub" in sources.add_named(home, "en", "owner/name", DEMO)[1]

    def test_only_samples_can_be_asked_for(self, home: Home):
        assert sources.add_sample(home, "en", "../../../etc/passwd") == (gr.skip(),) * 4


class TestDelete:
    def test_what_no_run_uses_goes(self, home, messy):
        assert sources.delete(home, "en", "") == (gr.skip(), gr.skip())
        assert sources.delete(home, "en", messy.id)[0] == ""
        assert not messy.path.exists()

    def test_what_a_run_uses_stays(self, home, dataset, finished):
        data_id, notice = sources.delete(home, "zh", dataset.id)
        assert data_id == gr.skip() and "1 个运行" in notice and dataset.path.exists()


class TestTrainingRows:
    def test_imbalance_is_mended_with_one_click(self, home: Home, tmp_path):
        path = tmp_path / "uneven.csv"
        path.write_text("text,label\n" + "".join(f"第{i * 7919 % 400}条{'好' if i % 20 else '差'}评{i},{'pos' if i % 20 else 'neg'}\n" for i in range(400)), encoding="utf-8")
        dataset = intake.import_file(path, home)
        assert 'data-pick="set:imbalance"' in inspect(home, dataset)[0]
        plan, _ = act(home, dataset, "set:imbalance")
        assert json.loads(plan) == {"balance": "oversample"}
        assert "set:imbalance" not in inspect(home, dataset, plan)[0]
        _, _, balance, table = growing.show(home, "en", dataset.id, READING, 0.2, 0.1, plan)
        assert (balance.value, balance.visible) == ("oversample", True) and table.count("</span>274</td>") == 2 and table.count(">274</td>") == 3
        made = planning.make_recipe(home, dataset.id, READING, (0.2, 0.1), tuple(VALUES))
        assert made.data.balance == "oversample"
        assert workshop.plan_of(made) == json.loads(plan)
        assert growing.change_balance(home, "en", dataset.id, plan, "none") == "{}" == workshop.written(workshop.saved(dataset.path)["plan"])

    def test_without_columns_nothing_is_counted(self, home: Home, messy):
        assert growing.show(home, "en", messy.id, reading_of(None, "label"), 0.2, 0.1, "{}")[3] == ""

    def test_augmentation_is_added_previewed_and_trained_with(self, home: Home, messy):
        *fields, _ = step_form.settings("zh", "random_swap", AUGMENT, growing.MOST_SETTINGS)
        plan, notice = growing.add(home, "zh", messy.id, "{}", "random_swap", *(field.value if field.visible else "" for field in fields))
        assert notice == "" and json.loads(plan)["augment"][0]["name"] == "random_swap"
        assert "preview:0" in growing.show(home, "zh", messy.id, READING, 0.2, 0.1, plan)[1]
        (_, panel), *_ = growing.act(home, "zh", "preview:0", messy.id, READING, plan)
        assert panel.count("<mark class='new'>") >= 4
        made = planning.make_recipe(home, messy.id, READING, (0.2, 0.1), tuple(VALUES))
        assert [step.name for step in made.data.augment] == ["random_swap"]
        assert workshop.plan_of(made) == {"augment": [made.data.augment[0].model_dump()]}
        [(left, panel)] = growing.act(home, "zh", "remove:0", messy.id, READING, plan)
        assert (left, panel) == ("{}", "")

    def test_own_synonyms_are_kept_and_counted(self, home: Home, messy, tmp_path):
        (tmp_path / "s.txt").write_text("评论, 点评\n", encoding="utf-8")
        path, notice = growing.bring(home, "en", str(tmp_path / "s.txt"))
        assert "2 words" in notice and Path(path).parent == home.synonyms
        plan, _ = growing.add(home, "en", messy.id, "{}", "synonyms", "1", "0.2", path, way=PRIVATE)
        (_, panel), *_ = growing.act(home, "en", "preview:0", messy.id, READING, plan)
        assert "点</mark>评" in panel or "点评</mark>" in panel
        (tmp_path / "none.txt").write_text("#")
        assert 'role="alert"' in growing.bring(home, "en", str(tmp_path / "none.txt"))[1]

    def test_files_and_models_of_this_machine_are_not_named_from_elsewhere(self, home: Home, messy, tmp_path):
        for name, values in (("synonyms", ("1", "0.1", "/etc/passwd")), ("masked_lm", ("1", "0.1", str(tmp_path)))):
            plan, notice = growing.add(home, "en", messy.id, "{}", name, *values, way=PRIVATE)
            assert plan == gr.skip() and 'role="alert"' in notice
            made = workshop.written({"augment": [step_form.step_of(AUGMENT, name, values)]})
            [(_, shown)] = growing.act(home, "en", "preview:0", messy.id, READING, made, way=DEMO)
            assert "a path on the server" in shown
