"""Task plug-ins, a file each, with the suites and protocol presets."""
