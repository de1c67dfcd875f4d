"""One big batch and an accumulated one must train alike: the trap of models that accept loss keywords."""

import functools

import pytest
import torch
import transformers

from ftui.tasks import text_classification as task


@pytest.fixture
def dataset(toy_model):
    import pyarrow as pa

    tokenizer = transformers.AutoTokenizer.from_pretrained(toy_model)
    texts = [" ".join(["这个", "很好", "so"][: 1 + i % 3]) for i in range(16)]
    table = pa.table({"text": texts, "label": [["a", "b", "c"][i % 3] for i in range(16)]})
    return tokenizer, task.encode(table, tokenizer, 16, ["a", "b", "c"])


def weights_after(toy_model, dataset, tmp_path, batch: int, accumulation: int, smoothing: float = 0.0) -> torch.Tensor:
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
        compute_loss_func=functools.partial(task.loss, label_smoothing=smoothing),
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
