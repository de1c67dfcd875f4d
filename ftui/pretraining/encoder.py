"""Pre-trains `starter-encoder`, a small BERT:

    python -m ftui.pretraining.sentences --data DIR --tokenizer DIR --teacher TEACHER --work DIR
    python -m ftui.pretraining.encoder --data DIR --tokenizer DIR --out DIR --work DIR --layers-of TEACHER [--before DIR]

It begins with every second layer of the English teacher and with its words (see heirs.py; without `--layers-of` from nothing, in
any size). On two CPU cores it then learns five things at once: to fill in masked tokens; to name a row's words from its
[CLS] alone; to place a sentence where the teacher places it, or the English of a Chinese one; to read every English word as
the teacher reads it there; and to tell which of many Chinese sentences stands near one in its document. All but the first
and the fourth train [CLS] and the pooler, which is what few labelled rows build on; the fourth, a number for each word
instead of a guess for some, teaches most in the least time. No teacher speaks Chinese, so with `--before` an earlier version
of this model, made from nothing, says what it knows: how it reads each Chinese token, and what it would fill in.

On Linux a fifth of the time is saved if freed memory is kept and handed out in huge pages. That must be said before
Python starts, by an environment variable (and where other work shares the cores, OMP_WAIT_POLICY=PASSIVE helps):

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=8000000000
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertModel
from transformers.utils import logging

from ftui.pretraining import corpus, loop, start
from ftui.pretraining.heirs import Before, take_over
from ftui.pretraining.sentences import Sentences, averages

BLOCK = 512  # text is dealt out in blocks of this many tokens, the longest that the model can read
LENGTHS, SHARES = (64, 128, 256, 512), (0.3, 0.4, 0.15, 0.15)  # a batch cuts its blocks into rows of one of these
FIRST_WORD = 261  # in the vocabulary, after the special tokens and the bytes
EMBEDDING_SIZE = 0.04  # of a number in the embeddings at the start, in the root mean square
ENGLISH, TRANSLATED, BOTH, NEIGHBOURS = 96, 40, 8, 40  # sentences in a step: see sentence_losses
PARTS = 3  # in which a step's sentences of one language are read, those of like length together


@dataclass
class Settings(loop.Settings):
    layers: int = 3
    width: int = 384
    heads: int = 12
    learning_rate: float = 8e-4
    matrix_rate: float = 1.2e-3
    batch_tokens: int = 2048  # of text
    masked: float = 0.2
    summary: float = 0.3  # what naming the words from [CLS] counts beside the masked words; at every second step
    sentence: float = 1.0  # the same for the sentences, some 4,000 tokens of them in each step
    words: float = 3.0  # of the teacher's reading of each English word, beside the sentence
    layers_of: str = ""  # a folder with the English teacher, of whose layers the first, third, fifth ... become this model's own
    before: str = ""  # a folder with an earlier version of this model, of any size: it teaches Chinese
    begin: str = ""  # a folder with an earlier version of this model, of the same size, whose weights it goes on from


class Learner(torch.nn.Module):
    """The model, and the layers between it and the teacher's two spaces, which are thrown away in the end."""

    def __init__(self, model: BertForMaskedLM, teacher_width: int, words_width: int, width_before: int) -> None:
        super().__init__()
        self.model = model
        self.head = torch.nn.Linear(model.config.hidden_size, teacher_width)
        self.words = torch.nn.Linear(model.config.hidden_size, words_width)
        self.before = torch.nn.Linear(model.config.hidden_size, width_before)


# --- text -------------------------------------------------------------------------------------------------------------


def training_rows(tokens: np.ndarray, step: int, settings: Settings) -> torch.Tensor:
    blocks = corpus.blocks(tokens, step, max(1, settings.batch_tokens // BLOCK), BLOCK, settings.seed)
    length = np.random.default_rng((settings.seed, 1, step)).choice(LENGTHS, p=SHARES)
    return torch.from_numpy(blocks).view(-1, int(length))


def hide(rows: torch.Tensor, tokenizer, share: float, generator: torch.Generator):
    """BERT's task: of the tokens to be guessed 80 % are shown as [MASK], 10 % as another token, 10 % as they are."""
    rows = rows.clone()
    rows[:, 0], rows[:, -1] = tokenizer.cls_token_id, tokenizer.sep_token_id
    # What follows the end of a document inside a row is its second segment: so the second type is learnt too.
    ended = (rows == tokenizer.sep_token_id).long().cumsum(1)
    types = (ended - (rows == tokenizer.sep_token_id).long()).clamp(max=1)

    specials = (rows == tokenizer.cls_token_id) | (rows == tokenizer.sep_token_id)
    chance = torch.rand(rows.shape, generator=generator).masked_fill(specials, -1.0).flatten()
    places = chance.topk(max(1, int(rows.numel() * share))).indices  # always the same number: steady memory and speed
    targets = rows.flatten()[places]
    fate = torch.rand(len(places), generator=generator)
    others = torch.randint(FIRST_WORD, len(tokenizer), places.shape, generator=generator)
    shown = torch.where(fate < 0.8, tokenizer.mask_token_id, torch.where(fate < 0.9, others, targets))
    return rows.flatten().scatter(0, places, shown).view_as(rows), types, places, targets


def masked_guesses(model, rows, types, places) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of the masked tokens, and the rows' [CLS] vectors, as the pooler gives them."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        read = model.bert(input_ids=rows, token_type_ids=types)
        hidden = read.last_hidden_state.flatten(0, 1)[places]
        logits = model.cls(hidden)  # so many logits are dear: only where something is to be guessed
    return logits.float(), read.pooler_output


def summary_loss(model, summaries: torch.Tensor, rows: torch.Tensor, rarity: torch.Tensor) -> torch.Tensor:
    """From its [CLS] vector a row's words are to be guessed. Rare words count for more than those found everywhere."""
    words = torch.zeros(len(rows), len(rarity)).scatter_(1, rows, 1.0) * rarity
    words = words / words.sum(1, keepdim=True).clamp(min=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = F.linear(summaries, model.bert.embeddings.word_embeddings.weight)
    return F.cross_entropy(logits.float(), words)


def which_is_which(one: torch.Tensor, other: torch.Tensor, temperature: float = 0.05) -> torch.Tensor:
    """Row i of one belongs to row i of the other, and to none of the others (InfoNCE, both ways)."""
    likeness, right = one @ other.T / temperature, torch.arange(len(one))
    return (F.cross_entropy(likeness, right) + F.cross_entropy(likeness.T, right)) / 2


def read_sentences(learner: Learner, rows: list[np.ndarray], tokenizer, before: Before | None = None):
    """Where the student places each sentence, (rows, teacher's width); its last layer's vectors of their tokens; and, where
    there is one, how far these lie from those of the version `before`."""
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    placed, vectors, away = [], {}, []
    size = -(-len(rows) // PARTS)
    for first in range(0, len(rows), size):
        part = order[first : first + size]
        length = -(-(len(rows[part[-1]]) + 2) // 8) * 8
        ids = torch.full((len(part), length), tokenizer.pad_token_id)
        for line, at in enumerate(part):
            whole = [tokenizer.cls_token_id, *map(int, rows[at]), tokenizer.sep_token_id]
            ids[line, : len(whole)] = torch.tensor(whole)
        mask = ids != tokenizer.pad_token_id
        with torch.autocast("cpu", dtype=torch.bfloat16):
            read = learner.model.bert(input_ids=ids, attention_mask=mask.long())
            placed.append(learner.head(read.pooler_output).float())
        vectors |= {at: hidden[1 : len(rows[at]) + 1] for at, hidden in zip(part, read.last_hidden_state, strict=True)}
        if before:
            goal = before.read(ids, mask.long())[mask]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                mine = learner.before(read.last_hidden_state[mask]).float()
            away.append(F.mse_loss(mine, goal.clone()) / goal.var() * len(part) / len(rows))
    back = torch.tensor(order).argsort()
    unlike = torch.stack(away).sum() if away else torch.zeros(())
    return F.normalize(torch.cat(placed)[back], dim=-1), [vectors[at] for at in range(len(rows))], unlike


def words_loss(learner: Learner, sentences: Sentences, english: np.ndarray, vectors: list[torch.Tensor]) -> torch.Tensor:
    """How far the words of the `english` sentences lie from where the teacher puts them: the mean square."""
    goals, which, count = [], [], 0
    for at in english:
        goals.append(sentences.teacher_words[sentences.first_words[at] : sentences.first_words[at + 1]])
        which.append(sentences.words_of_english[at].astype(np.int64) + count)
        count += len(goals[-1])
    goal, place = torch.from_numpy(np.concatenate(goals)).float(), torch.from_numpy(np.concatenate(which))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = learner.words(averages(torch.cat(vectors).float(), place, count)).float()
    read = goal.any(1) & (torch.bincount(place, minlength=count) > 0)  # by both, up to the longest that each can read
    return F.mse_loss(mine[read], goal[read])


def sentence_losses(learner: Learner, sentences: Sentences, dice: np.random.Generator, tokenizer, before: Before | None):
    """How far the student's English sentences, and Chinese ones with an English translation, lie from where the teacher
    puts the English; the same of the English words; how well Chinese neighbours in a document are told from other
    sentences; and how far the Chinese tokens lie from where the version before puts them."""
    english = dice.integers(len(sentences.english), size=ENGLISH)
    translated = dice.integers(len(sentences.chinese), size=TRANSLATED)
    pairs = dice.integers(len(sentences.pairs), size=NEIGHBOURS)
    of_english = [sentences.english[at] for at in english]
    of_english += [sentences.english_of_chinese[at] for at in translated[:BOTH]]
    placed, vectors, _ = read_sentences(learner, of_english, tokenizer)
    of_chinese = [sentences.chinese[at] for at in translated]
    of_chinese += [sentences.pairs[at][side] for side in (0, 1) for at in pairs]
    chinese, _, unlike = read_sentences(learner, of_chinese, tokenizer, before)

    goal = sentences.teacher_of_chinese[translated].float()
    goals = torch.cat([sentences.teacher_of_english[english].float(), goal[:BOTH], goal])
    mine = torch.cat([placed, chinese[:TRANSLATED]])
    apart = torch.cat([torch.arange(ENGLISH), torch.arange(ENGLISH + BOTH, len(goals))])  # each meaning once
    away = 4 * (1 - (mine * goals).sum(-1)).mean() + 0.5 * which_is_which(mine[apart], goals[apart])
    first, second = chinese[TRANSLATED:].chunk(2)
    return away, words_loss(learner, sentences, english, vectors[:ENGLISH]), which_is_which(first, second), unlike


@torch.no_grad()
def held_out_loss(model, tokens: np.ndarray, tokenizer, batches: int) -> float:
    """The same rows of 128, hidden the same way, at every call; `batches` spread evenly over the text."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.from_numpy(tokens[: len(tokens) // 128 * 128].astype(np.int64)).view(-1, 128).split(32)
    chosen = rows[:: max(1, len(rows) // batches)]
    hidden = [hide(part, tokenizer, 0.15, generator) for part in chosen]
    losses = [F.cross_entropy(masked_guesses(model, *shown)[0], targets) for *shown, targets in hidden]
    return float(torch.stack(losses).mean())


# --- the run ----------------------------------------------------------------------------------------------------------


def build(settings: Settings, tokenizer) -> BertForMaskedLM:
    torch.manual_seed(settings.seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=BLOCK,
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0,  # one pass over the text cannot overfit
        attention_probs_dropout_prob=0.0,
    )
    model = BertForMaskedLM(config)
    model.bert = BertModel(config)  # with the pooler, which BERT for masked words alone would do without
    model.tie_weights()
    start.look_at_neighbours(model, EMBEDDING_SIZE)
    model.set_attn_implementation("eager")  # at this size a fifth faster on CPU cores than the fused kernels
    return model


def pretrain(settings: Settings) -> dict:
    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer)
    tokens = corpus.tokenise(settings.data, "train", tokenizer, settings.work)
    held_out = corpus.tokenise(settings.data, "validation", tokenizer, settings.work)
    sentences = Sentences.read(settings.work)
    model = build(settings, tokenizer).train()
    before = Before(settings.before, tokenizer) if settings.before else None
    width_before = before.width if before else 1
    learner = Learner(model, sentences.teacher_of_english.shape[1], sentences.teacher_words.shape[1], width_before)
    print(f"{len(tokens):,} tokens of text, {model.num_parameters():,} parameters", flush=True)
    if settings.begin:
        model.load_state_dict(BertForMaskedLM.from_pretrained(settings.begin).state_dict(), strict=False)
        model.bert.pooler.load_state_dict(BertModel.from_pretrained(settings.begin).pooler.state_dict())
    elif not (settings.work / "checkpoint.pt").exists():
        if before:
            vectors = before.vectors
        else:
            translations = zip(sentences.english_of_chinese, sentences.chinese, strict=True)
            separator = tokenizer.sep_token_id
            vectors = start.word_vectors(tokens, translations, separator, len(tokenizer), FIRST_WORD, settings.width)
        if settings.layers_of:
            take_over(model, tokenizer, settings.layers_of, vectors)
            learner.words.load_state_dict(sentences.directions())
        else:
            start.give_meanings(model, vectors, EMBEDDING_SIZE)

    frequency = np.bincount(tokens, minlength=len(tokenizer)) / len(tokens)
    rarity = torch.from_numpy(-np.log(frequency + 1e-8)).float()
    rarity[:FIRST_WORD] = 0

    def backward(step: int) -> dict[str, float]:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        rows = training_rows(tokens, step, settings)
        *shown, targets = hide(rows, tokenizer, settings.masked, generator)
        logits, summaries = masked_guesses(model, *shown)
        losses = {"loss": F.cross_entropy(logits, targets)}
        masked = losses["loss"]
        if before:  # one half of what is to be learnt is the other's guess
            masked = (masked + F.cross_entropy(logits, before.guesses(*shown).clone())) / 2
        if step % 2 == 0:
            losses["summary"] = summary_loss(model, summaries, rows, rarity)
        (masked + settings.summary * losses.get("summary", 0.0)).backward()
        dice = np.random.default_rng((settings.seed, 2, step))
        away, words, neighbours, unlike = sentence_losses(learner, sentences, dice, tokenizer, before)
        (settings.sentence * (away + settings.words * (words + unlike) + 0.7 * neighbours)).backward()
        losses |= {"teacher": away, "words": words, "neighbours": neighbours, "before": unlike}
        return {name: float(value.detach()) for name, value in losses.items()}

    def write(report: dict, last: bool) -> dict:
        loss = held_out_loss(model, held_out, tokenizer, 1000 if last else 4)
        report |= {"tokens_in_corpus": len(tokens), "parameters": model.num_parameters()}
        report |= {"held_out_loss": round(loss, 4)}
        loop.publish(model, settings, report, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
        return report

    return loop.run(learner, settings, backward, write)


def main(arguments: list[str] | None = None) -> dict:
    return pretrain(loop.read_settings(Settings, __doc__, arguments))


if __name__ == "__main__":
    main()
