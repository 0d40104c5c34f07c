"""Published backbones, through the libraries that hold them: a file per model family."""
