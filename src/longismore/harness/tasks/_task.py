"""The class of the task files: ``!function _task.PairwiseTask`` is looked up beside them."""

from longismore.harness._pairwise_task import PairwiseTask

__all__ = ["PairwiseTask"]
