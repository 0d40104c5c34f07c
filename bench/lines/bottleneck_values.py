"""Lines of the values that the bottleneck study gives itself."""

from __future__ import annotations

from bench.values import FROM_ZERO, Value

# Behind a learned projection latents and what is decoded need not be near each other, so the tables leave it out.
QUANTIZATION_ERROR = Value("quantization_error", "Quant. error", "", None, FROM_ZERO, default=False)
COMMITMENT = Value("commitment_distance", "Commitment", "", None, FROM_ZERO, default=False)
DEAD_CODES = Value("dead_codes", "Dead codes", "", False, (0.0, 1.0), percent=True, section="rate")
ENCODER_GRADIENT = Value("encoder_gradient", "Encoder gradient", "", None, FROM_ZERO, default=False)
GRADIENT_BIAS = Value("gradient_bias", "Gradient bias", "", False, FROM_ZERO, default=False)
GRADIENT_VARIANCE = Value("gradient_variance", "Gradient variance", "", False, FROM_ZERO, default=False)
GRADIENT_COSINE = Value("gradient_cosine", "Gradient cosine", "", True, (-1.0, 1.0), default=False)
STEPS_PER_SECOND = Value(
    "training_steps_per_second", "Training", "step/s", True, FROM_ZERO, device_bound=True, section="cost"
)

VALUES: tuple[Value, ...] = (
    QUANTIZATION_ERROR,
    COMMITMENT,
    DEAD_CODES,
    ENCODER_GRADIENT,
    GRADIENT_BIAS,
    GRADIENT_VARIANCE,
    GRADIENT_COSINE,
    STEPS_PER_SECOND,
)
