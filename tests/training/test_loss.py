"""One big batch and an accumulated one must train alike: the trap of models that accept loss keywords."""

import functools
import os
import subprocess
import sys

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from ftui.tasks import text_classification as task
from tests.conftest import REPO


def rows_of(toy_model):
    import pyarrow as pa

    tokenizer = transformers.AutoTokenizer.from_pretrained(toy_model)
    texts = [" ".join(["这个", "很好", "so"][: 1 + i % 3]) for i in range(16)]
    table = pa.table({"text": texts, "label": [["a", "b", "c"][i % 3] for i in range(16)]})
    return tokenizer, task.encode(table, tokenizer, 16, ["a", "b", "c"])


@pytest.fixture
def dataset(toy_model):
    return rows_of(toy_model)


def weights_after(toy_model, dataset, tmp_path, batch: int, accumulation: int, smoothing: float = 0.0, weights=None, **parts) -> torch.Tensor:
    from ftui.training.trainer import GroupedTrainer

    tokenizer, rows = dataset
    transformers.set_seed(0)
    config = transformers.AutoConfig.from_pretrained(toy_model, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model = task.load_model(str(toy_model), ["a", "b", "c"], config=config, dtype=torch.float32)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=4, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
        optim="sgd", learning_rate=0.1, max_grad_norm=0.0, use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True,
        dataloader_pin_memory=False, label_names=["labels"],
    )  # fmt: skip
    trainer = GroupedTrainer(
        model=model, args=arguments, train_dataset=rows, data_collator=task.collator(tokenizer), lengths=[5] * 16,
        compute_loss_func=functools.partial(task.loss, label_smoothing=smoothing, weights=weights),
        **parts,
    )  # fmt: skip
    trainer.train()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_accumulated_is_one_big_batch(toy_model, dataset, tmp_path, smoothing):
    whole = weights_after(toy_model, dataset, tmp_path, 16, 1, smoothing)
    parts = weights_after(toy_model, dataset, tmp_path, 4, 4, smoothing)
    uneven = weights_after(toy_model, dataset, tmp_path, 5, 4, smoothing)
    torch.testing.assert_close(whole, parts, atol=1e-6, rtol=0)
    torch.testing.assert_close(whole, uneven, atol=1e-6, rtol=0)


@pytest.mark.parametrize("tokens", [8, 24, 64])
def test_parts_of_a_batch_are_the_batch(toy_model, dataset, tmp_path, tokens):
    whole = weights_after(toy_model, dataset, tmp_path, 16, 1)
    parts = weights_after(toy_model, dataset, tmp_path, 16, 1, tokens=tokens, rows=5)
    torch.testing.assert_close(whole, parts, atol=1e-6, rtol=0)


def test_memory_that_runs_out_halves_the_parts_and_changes_nothing_else(toy_model, dataset, tmp_path, monkeypatch):
    whole = weights_after(toy_model, dataset, tmp_path, 16, 1)
    calls, told, loss = [], [], task.loss

    def short_of_memory(outputs, labels, *args, **options):
        calls.append(len(labels))
        if len(labels) > 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 123 bytes.")
        return loss(outputs, labels, *args, **options)

    monkeypatch.setattr(task, "loss", short_of_memory)
    parts = weights_after(toy_model, dataset, tmp_path, 16, 1, halved=told.append)
    torch.testing.assert_close(whole, parts, atol=1e-6, rtol=0)
    assert told == [8, 4]
    assert calls == [16, 8] + [4] * 16


def test_memory_that_one_row_lacks_ends_the_training(toy_model, dataset, tmp_path, monkeypatch):
    def never(*_, **__):
        raise RuntimeError("CUDA out of memory.")

    monkeypatch.setattr(task, "loss", never)
    with pytest.raises(RuntimeError, match="out of memory"):
        weights_after(toy_model, dataset, tmp_path, 4, 1)


def test_class_weights_are_exact_too(toy_model, dataset, tmp_path):
    weights = [0.5, 3.0, 1.0]
    whole = weights_after(toy_model, dataset, tmp_path, 16, 1, 0.1, weights)
    torch.testing.assert_close(whole, weights_after(toy_model, dataset, tmp_path, 5, 4, 0.1, weights), atol=1e-6, rtol=0)
    assert not torch.allclose(whole, weights_after(toy_model, dataset, tmp_path, 16, 1, 0.1), atol=1e-4)


def test_a_weight_is_what_repeated_rows_would_be():
    logits, labels = torch.randn(4, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 0, 0, 1])
    weighted = task.loss({"logits": logits}, labels, weights=[1.0, 3.0]) * 4
    repeated = task.loss({"logits": logits[[0, 1, 2, 3, 3, 3]]}, labels[[0, 1, 2, 3, 3, 3]]) * 6
    torch.testing.assert_close(weighted, repeated)


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "accumulation"), [(8, 1), (2, 4), (3, 3)])  # also in parts of 3 rows
def test_two_ranks_are_one(toy_model, dataset, tmp_path, batch, accumulation):
    whole = weights_after(toy_model, dataset, tmp_path, 16, 1)
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "tests.training.test_loss", str(toy_model), str(tmp_path), str(batch), str(accumulation)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for rank in range(2):
        torch.testing.assert_close(load_file(tmp_path / f"rank{rank}.safetensors")["weights"], whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_the_loss_of_an_evaluation_is_the_mean_over_rows(toy_model, dataset, tmp_path, batch):
    from ftui.training.trainer import GroupedTrainer

    tokenizer, rows = dataset
    transformers.set_seed(0)
    model = task.load_model(str(toy_model), ["a", "b", "c"])
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_eval_batch_size=batch, use_cpu=True, report_to="none", disable_tqdm=True,
        dataloader_pin_memory=False, label_names=["labels"],
    )  # fmt: skip
    collate = task.collator(tokenizer)
    trainer = GroupedTrainer(
        model=model, args=arguments, eval_dataset=rows, data_collator=collate, lengths=[], compute_loss_func=task.loss
    )
    sizes = [len(b["labels"]) for b in trainer.get_eval_dataloader()]
    assert max(sizes) >= batch or sizes == [16]
    with torch.inference_mode():
        each = [task.loss(model.eval()(**{k: v for k, v in one.items() if k != "labels"}), one["labels"]) for one in
                (collate([row]) for row in rows)]  # fmt: skip
    assert trainer.evaluate()["eval_loss"] == pytest.approx(float(sum(each) / 16), rel=1e-5)


if __name__ == "__main__":  # one rank of test_two_ranks_are_one
    model, folder, batch, accumulation = sys.argv[1:]
    weights = weights_after(model, rows_of(model), folder, int(batch), int(accumulation), rows=3)
    save_file({"weights": weights}, f"{folder}/rank{os.environ['RANK']}.safetensors")
    torch.distributed.destroy_process_group()
