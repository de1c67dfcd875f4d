"""What a new encoder takes over from a teacher and from a version before it."""

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from ftui.pretraining import encoder, heirs, sentences

KNOWN = {name: at for at, name in enumerate(["[PAD]", "[UNK]", "cat", "##s", "un", "##do", "##c", "##at", "e", "好"])}


@pytest.mark.parametrize(
    ("token", "spelled"),
    [
        ("cat", ["cat"]),
        ("cats", ["cat", "##s"]),
        ("##cats", ["##c", "##at", "##s"]),
        ("undo", ["un", "##do"]),
        ("é", ["e"]),
        ("好", ["好"]),
        ("坏", []),
        ("undog", []),  # what is left over is not guessed
        ("##", []),
    ],
)
def test_a_token_is_spelled_with_the_teachers_pieces(token, spelled):
    assert heirs.pieces(token, KNOWN) == [KNOWN[piece] for piece in spelled]


def bert(names: list[str], width: int, layers: int, kind=BertModel):
    torch.manual_seed(len(names))
    sizes = {"num_attention_heads": 2, "intermediate_size": 4 * width}
    return kind(BertConfig(vocab_size=len(names), hidden_size=width, num_hidden_layers=layers, **sizes))


def words(folder, names: list[str]) -> None:
    from tokenizers import Tokenizer, models

    made = Tokenizer(models.WordPiece({name: at for at, name in enumerate(names)}, unk_token="[UNK]"))
    PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)


@pytest.fixture
def teacher(tmp_path):
    names = ["[UNK]", "[PAD]", "cat", "tea", "##s", "hot", "cold"]
    model = bert(names, 16, 3)
    model.save_pretrained(tmp_path / "teacher")
    words(tmp_path / "teacher", names)
    return model, names, tmp_path / "teacher"


def test_layers_places_and_words_are_taken_over(teacher, tmp_path):
    source, known, folder = teacher
    names = ["[PAD]", "[UNK]", "hot", "cold", "cat", "cats", "tea", "茶", "？"]
    words(tmp_path / "student", names)
    embeddings = source.embeddings.word_embeddings.weight.detach()
    # What is known of the tokens: the teacher's own words, turned and of other lengths; 茶 is another word for tea.
    mine = {name: embeddings[known.index(name)] for name in names if name in known} | {
        "茶": embeddings[known.index("tea")]
    }
    centre = torch.stack([mine[name] for name in ("[PAD]", "[UNK]", "hot", "cold", "cat", "tea")]).mean(0)
    turn = torch.linalg.qr(torch.randn(16, 16)).Q
    vectors = torch.stack([3 * (mine[name] - centre) @ turn if name in mine else torch.zeros(16) for name in names])

    model = bert(names, 16, 2, BertForMaskedLM)
    heirs.take_over(model, AutoTokenizer.from_pretrained(tmp_path / "student"), folder, vectors)
    taken = model.bert.embeddings.word_embeddings.weight.detach()
    for name in ("hot", "cold", "cat", "tea"):
        assert torch.equal(taken[names.index(name)], embeddings[known.index(name)])
    both = embeddings[known.index("cat")] + embeddings[known.index("##s")]
    assert torch.cosine_similarity(taken[names.index("cats")], both, dim=0) > 0.999
    likeness = torch.cosine_similarity(taken[names.index("茶")] - centre, taken - centre)
    assert likeness.topk(2).indices.tolist() in ([7, 6], [6, 7]) and likeness[6] > 0.98  # it stands where "tea" stands
    assert taken[names.index("？")].isfinite().all()  # nothing is known of it
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    for mine_at, of_teacher in ((0, 0), (1, 2)):  # the first and the third
        for name, value in source.encoder.layer[of_teacher].named_parameters():
            assert torch.equal(model.bert.encoder.layer[mine_at].get_parameter(name), value)
    assert torch.equal(model.bert.embeddings.position_embeddings.weight, source.embeddings.position_embeddings.weight)
    with pytest.raises(ValueError):
        heirs.take_over(
            bert(names, 16, 1, BertForMaskedLM), AutoTokenizer.from_pretrained(tmp_path / "student"), folder, vectors
        )


def test_the_version_before_reads_the_new_tokens(tmp_path):
    old = ["[UNK]", "[PAD]", "茶", "热", "很", "rare"]
    before = bert(old, 8, 1, BertForMaskedLM)
    before.save_pretrained(tmp_path / "before")
    words(tmp_path / "before", old)
    words(tmp_path / "new", ["[PAD]", "[UNK]", "很", "热", "茶"])
    found = heirs.Before(tmp_path / "before", AutoTokenizer.from_pretrained(tmp_path / "new"))
    assert found.numbers.tolist() == [1, 0, 4, 3, 2] and found.width == 8
    assert torch.allclose(found.vectors[4], before.get_input_embeddings().weight[2], atol=1e-2)

    rows, ones = torch.tensor([[4, 2, 3]]), torch.ones(1, 3, dtype=torch.long)
    before.eval()
    expected = before.bert(input_ids=torch.tensor([[2, 4, 3]]), attention_mask=ones).last_hidden_state
    assert torch.allclose(found.read(rows, ones), expected, atol=0.05)
    chances = found.guesses(rows, 0 * ones, torch.tensor([1]))
    assert chances.shape == (1, 5) and float(chances.sum()) == pytest.approx(1, abs=1e-3)  # "rare" is left out


def test_with_all_of_its_teacher_there_is_nothing_to_learn_from_it(small_corpus, small_tokenizer, tmp_path, one_thread):
    """A teacher of one layer, with the same words: the heir reads each English word as it does, from the first step on."""
    known = AutoTokenizer.from_pretrained(small_tokenizer)
    bert([""] * len(known), 24, 1).save_pretrained(tmp_path / "teacher")
    known.save_pretrained(tmp_path / "teacher")
    common = ["--data", str(small_corpus), "--tokenizer", str(small_tokenizer), "--work", str(tmp_path / "work")]
    sentences.main([*common, "--teacher", str(tmp_path / "teacher")])
    settings = "--max-steps 1 --layers 1 --width 24 --heads 2 --batch-tokens 512 --warm-up 1000".split()

    def begun(name: str, *more: str) -> dict[str, float]:
        (tmp_path / "work" / "checkpoint.pt").unlink(missing_ok=True)
        return encoder.main([*common, *settings, "--out", str(tmp_path / name), *more])["training_losses"]

    scratch = begun("scratch")
    heir = begun("heir", "--layers-of", str(tmp_path / "teacher"), "--before", str(tmp_path / "scratch"))
    assert scratch["words"] > 0.5 > 0.01 > heir["words"]
    assert scratch["before"] == 0 < heir["before"]
