"""Task files, found by lm_eval through this package's name (entry-point group ``lm_eval.tasks``)."""
