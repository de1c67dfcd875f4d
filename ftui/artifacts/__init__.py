"""A finished model: loading it, asking it, giving it out in other forms."""
