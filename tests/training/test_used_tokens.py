"""Training the embeddings of the tokens that occur gives the weights that training all of them gives."""

import copy

import datasets
import pytest
import torch
import transformers

from ftui.core import recipe as r
from ftui.training import strategies, used_tokens
from ftui.training.trainer import GroupedTrainer
from tests.training.test_first_token import QUIET, build

ROWS = [
    {"input_ids": [2, 5 + i, 6 + i, 9][: 3 + i % 2], "attention_mask": [1] * (3 + i % 2), "labels": i % 3}
    for i in range(10)
]
OTHER = {
    "input_ids": torch.tensor([[2, 30, 6, 44]]),
    "attention_mask": torch.ones(1, 4, dtype=torch.long),
}  # 30, 44: in no row


def trained(model, folder, used, steps=8, scale=1.0):
    """After `steps` updates; `used`: what `apply` made, or None."""

    def collate(rows):
        longest = max(len(row["input_ids"]) for row in rows)
        padded = {k: [row[k] + [0] * (longest - len(row[k])) for row in rows] for k in ("input_ids", "attention_mask")}
        return {k: torch.tensor(v) for k, v in (padded | {"labels": [row["labels"] for row in rows]}).items()}

    arguments = transformers.TrainingArguments(
        output_dir=folder, max_steps=steps, per_device_train_batch_size=4, learning_rate=0.02, weight_decay=1.0, adam_epsilon=1e-4, use_cpu=True,
        report_to="none", save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False, label_names=["labels"],
    )  # fmt: skip
    trainer = GroupedTrainer(
        model=model, args=arguments, train_dataset=datasets.Dataset.from_list(ROWS), data_collator=collate,
        lengths=[len(row["input_ids"]) for row in ROWS], used=used, shares=strategies_shares(model),
        compute_loss_func=lambda outputs, labels, num_items_in_batch=None: torch.nn.functional.cross_entropy(
            outputs["logits"], labels, reduction="sum") * scale / num_items_in_batch,
    )  # fmt: skip
    trainer.train()
    return model.eval()


def strategies_shares(model):
    from ftui.training import rates

    return rates.shares(model, r.Full(layer_decay=0.9))


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "electra", "modernbert", "gpt2", "llama"])
def test_weights_are_those_of_the_whole_table(family, tmp_path):
    options = {
        "distilbert": {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
        "bert": QUIET,
        "roberta": QUIET,
        "electra": QUIET,
    }
    begun = (
        build(family, **options.get(family, {}))
        if family != "gpt2"
        else build(family, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    )
    whole = trained(copy.deepcopy(begun), tmp_path, None)
    model = copy.deepcopy(begun)
    used = used_tokens.apply(model, datasets.Dataset.from_list(ROWS))
    assert used.weight.shape[0] == len({0} | {token for row in ROWS for token in row["input_ids"]})
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in begun.named_parameters()]
    trained(model, tmp_path, used)
    with torch.no_grad():
        torch.testing.assert_close(model(**OTHER).logits, whole(**OTHER).logits, atol=1e-5, rtol=1e-5)
    used_tokens.undo(model, used)
    assert type(model.get_input_embeddings()) is torch.nn.Embedding
    first, last = begun.state_dict(), whole.state_dict()
    table = next(name for name, p in begun.named_parameters() if p is begun.get_input_embeddings().weight)
    assert not torch.allclose(first[table][44], last[table][44], atol=1e-3), "what does not occur decays"
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, last[name], atol=2e-6, rtol=1e-5, msg=name)


def test_a_checkpoint_holds_the_decay(tmp_path):
    model = build("bert", **QUIET)
    used = used_tokens.apply(model, datasets.Dataset.from_list(ROWS))
    trained(model, tmp_path, used)
    other = build("bert", **QUIET)
    again = used_tokens.apply(other, datasets.Dataset.from_list(ROWS))
    other.load_state_dict(model.state_dict())
    assert 0 < again.kept.item() == used.kept.item() < 0.95
    with torch.no_grad():
        assert torch.equal(other.eval()(**OTHER).logits, model(**OTHER).logits)


def test_a_token_that_was_not_counted_is_an_error_in_training():
    model = build("bert", **QUIET)
    used_tokens.apply(model, datasets.Dataset.from_list(ROWS))
    with pytest.raises(IndexError):
        model.train()(**OTHER)


def test_it_steps_aside():
    rows = datasets.Dataset.from_list(ROWS)
    frozen = strategies.frozen(build("bert"), r.Frozen())
    tied = build("gpt2", "CausalLM", tie_word_embeddings=True)
    shared = transformers.T5ForConditionalGeneration(
        transformers.T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    )
    untied = build("bert", "MaskedLM", tie_word_embeddings=False)  # its gaps may show any token
    most = datasets.Dataset.from_list([{"input_ids": list(range(48))}])
    for model, data in ((frozen, rows), (tied, rows), (untied, rows), (shared, rows), (build("bert"), most)):
        assert used_tokens.apply(model, data) is None
        assert type(model.get_input_embeddings()) is torch.nn.Embedding
