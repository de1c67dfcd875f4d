"""What a new starter-encoder takes over from models that know more: layers and word vectors of the English teacher, and the
Chinese of an earlier version of itself, whatever their sizes and vocabularies.

A student that begins with every second layer of its teacher is DistilBERT's way (Sanh et al., 2019); fitting one model's word
vectors to another's by the words both know is Mikolov's (2013).
"""

import unicodedata
from pathlib import Path

import torch
from torch.nn import functional as F
from transformers import AutoTokenizer, BertForMaskedLM, BertModel


def pieces(token: str, known: dict[str, int]) -> list[int]:
    """A token spelled with the pieces of another WordPiece vocabulary, the longest first; nothing where it cannot be."""
    token = "".join(letter for letter in unicodedata.normalize("NFD", token) if not unicodedata.combining(letter))
    found, mark, rest = [], "##" if token.startswith("##") and token != "##" else "", token.removeprefix("##") or token
    while rest:
        length = next((size for size in range(len(rest), 0, -1) if mark + rest[:size] in known), 0)
        if not length:
            return []
        found.append(known[mark + rest[:length]])
        rest, mark = rest[length:], "##"
    return found


@torch.no_grad()
def take_over(model: BertForMaskedLM, tokenizer, teacher: Path | str, vectors: torch.Tensor) -> None:
    """The teacher's first, third, fifth ... layer, its places and its words become the model's. `vectors`, (tokens, any
    width), say which tokens are alike: those that the teacher does not know are put among those that it knows by a
    linear map from them; a row of zeros for what nothing is known of."""
    source, known = BertModel.from_pretrained(teacher, dtype=torch.float32), AutoTokenizer.from_pretrained(teacher).get_vocab()
    embeddings = source.embeddings.word_embeddings.weight
    mine = model.bert.embeddings.word_embeddings.weight
    kept = mine.clone()
    for name, value in source.embeddings.named_parameters():
        if name != "word_embeddings.weight":
            model.bert.embeddings.get_parameter(name).copy_(value)
    for layer, of_teacher in zip(model.bert.encoder.layer, source.encoder.layer[::2], strict=True):
        layer.load_state_dict(of_teacher.state_dict())

    spelled = [pieces(token, known) for token in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    whole = torch.tensor([len(found) == 1 for found in spelled])
    mine[whole] = embeddings[[found[0] for found in spelled if len(found) == 1]]
    usual = mine[whole].norm(dim=1).mean()
    both = whole & vectors.any(1)
    centre = mine[both].mean(0)
    gram = vectors[both].T @ vectors[both]
    ridge = 0.01 * gram.diagonal().mean() * torch.eye(len(gram))
    turn = torch.linalg.solve(gram + ridge, vectors[both].T @ (mine[both] - centre))
    apart = vectors @ turn
    spread = (mine[both] - centre).norm(dim=1).mean()
    placed = centre + F.normalize(apart, dim=1) * spread
    for at, found in enumerate(spelled):
        if len(found) > 1:
            mine[at] = F.normalize(embeddings[found].mean(0), dim=0) * usual
        elif not found:
            mine[at] = placed[at] if vectors[at].any() else centre + kept[at]
    model.tie_weights()


class Before:
    """An earlier version of the model, which only reads; `numbers` says which of its tokens each of the new ones is."""

    def __init__(self, folder: Path | str, tokenizer) -> None:
        self.model = BertForMaskedLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
        self.model.set_attn_implementation("eager")
        known = AutoTokenizer.from_pretrained(folder)
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        unknown = known.unk_token_id
        self.numbers = torch.tensor([known.get_vocab().get(name, unknown) for name in names])
        self.width = self.model.config.hidden_size

    @property
    def vectors(self) -> torch.Tensor:
        """Its word vectors, in the new order."""
        return self.model.get_input_embeddings().weight.detach().float()[self.numbers]

    @torch.inference_mode()
    def read(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Its last layer's vectors, (rows, length, its width)."""
        return self.model.bert(input_ids=self.numbers[ids], attention_mask=mask).last_hidden_state.float()

    @torch.inference_mode()
    def guesses(self, rows: torch.Tensor, types: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """How likely it holds each of the new tokens at the masked places, (places, tokens)."""
        hidden = self.model.bert(input_ids=self.numbers[rows], token_type_ids=types).last_hidden_state
        logits = self.model.cls(hidden.flatten(0, 1)[places]).float()[:, self.numbers]
        return logits.softmax(-1)
