"""The networks whose features the set-level metrics of images compare."""
