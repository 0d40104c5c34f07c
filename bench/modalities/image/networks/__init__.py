"""Networks of published image tokenizers that no library has, under their publishers' names of tensors."""
