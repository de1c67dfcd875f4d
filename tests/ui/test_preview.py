"""A conversation on the Data tab, as the model will read it."""

import re

import transformers

from ftui.core.home import Home, starter_models
from ftui.data import intake
from ftui.tasks import templates
from ftui.ui import preview, readings, sources

TALK = [{"role": "user", "content": "a < b?"}, {"role": "assistant", "content": "Yes & no."}]


def test_it_is_the_text_that_the_training_reads():
    folder = starter_models() / preview.MODEL
    whole = templates.render(transformers.AutoTokenizer.from_pretrained(folder), TALK)
    assert templates.render(preview.template_of(folder), TALK) == whole
    shown = preview.marked(preview.template_of(folder), TALK)
    assert shown == "&lt;|user|&gt;a &lt; b?&lt;|end|&gt;&lt;|assistant|&gt;<mark>Yes &amp; no.&lt;|end|&gt;</mark>"


def test_a_model_without_a_template_is_given_the_plain_one(tmp_path):
    shown = preview.marked(preview.template_of(tmp_path), TALK)
    assert shown.startswith("### User:\na &lt; b?") and "<mark>Yes &amp; no.</mark>" in shown


def test_the_samples_are_recognised_and_shown(tmp_path):
    home = Home(tmp_path / "home")
    for lang, name in zip(("zh", "en"), sources.SAMPLES["text-generation"], strict=True):
        dataset = intake.import_file(sources.samples_folder() / name, home)
        reading = readings.guess(dataset.path)
        assert reading.task == "text-generation" and reading.problem(lang) is None
        shown = preview.show(home, lang, dataset.id, readings.written(dataset.id, reading))
        assert shown.visible and len(re.findall("<mark>", shown.value)) >= 2
    other = readings.Reading("text-classification", ("text", "label"), {"text": "messages", "label": "messages"})
    assert not preview.show(home, "en", dataset.id, readings.written(dataset.id, other)).visible
