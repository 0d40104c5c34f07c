"""Networks of published codecs that no library has, under their publishers' names of tensors."""
