"""A REST server over one finished model."""
