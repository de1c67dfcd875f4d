from tests.training.conftest import train_here

__all__ = ["train_here"]
