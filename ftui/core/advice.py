"""Which strategy to begin with: a rule of thumb from what is known before anything is loaded."""

SMALL = 20_000_000  # weights: below, a processor trains all of them in minutes
LARGE = 400_000_000  # weights: above, training all of them needs more memory than most graphics cards have
FEW = 8  # rows for each label
MUCH = 2e12  # rows x epochs x weights: above, all weights keep two cores busy for hours


def advise(rows: int, labels: int, epochs: float, parameters: int, gpu: bool, cores: int) -> tuple[str, str]:
    """(strategy, reason): the reason is the end of a text's key, `advice_<reason>`.

    `rows` are training rows; `parameters` the weights of the base model.
    """
    if gpu:
        return ("full", "gpu") if parameters <= LARGE else ("lora", "gpu_memory")
    if parameters <= SMALL:
        return "full", "small"
    if rows < FEW * max(labels, 1):
        return "frozen", "few_rows"
    if parameters > LARGE:
        return "lora", "memory"
    if rows * epochs * parameters > MUCH * cores / 2:
        return "last_n", "long"
    return "lora", "large"
