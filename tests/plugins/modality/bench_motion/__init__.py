"""Motion: a modality in a package of its own, known to the bench by its entry points alone.

A sample is the path of the joints of a machine, float32 ``[joints, steps]`` in [-1, 1], stored as a CSV file with a
line per step. The template of a new modality: ``face.py`` says what there is, ``signal.py`` how batches are made, and
the rest is a module per kind of thing.
"""
