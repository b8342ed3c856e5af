"""A page about runs: what each kind of run left behind, its curves, and episodes of its players."""
