"""What the task files name: ``!function _task.PairwiseTask`` is looked up beside them."""

from longismore.harness._alpaca_eval_task import AlpacaEvalTask
from longismore.harness._groups import average
from longismore.harness._pairwise_task import PairwiseTask

__all__ = ["AlpacaEvalTask", "PairwiseTask", "average"]
