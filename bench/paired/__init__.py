"""Which of several systems are better, on the samples that they share: one model for tables, rankings and gates."""
