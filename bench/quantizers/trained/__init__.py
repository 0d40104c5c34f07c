"""Bottlenecks: quantizers that are trained together with an encoder and a decoder, one module per family."""
