"""The penalised regressions behind length control."""

from __future__ import annotations

import numpy as np

from longismore.reports._length.glm import Cells, fit, sigmoid


def test_priors_of_intercepts_are_centred_where_they_are_said_to_be() -> None:
    """Where a fit ends, the derivatives of the penalised likelihood are 0, whatever the centres of the priors."""
    stream = np.random.RandomState(0)
    pairs, fits = 60, 200
    covariate = np.tanh(stream.standard_normal(pairs))
    outcome = (covariate > 0).astype(float)  # the longer answer wins
    weights = stream.poisson(1.0, (fits, pairs)).astype(float)
    slope_centre, centre = 100 + 10 * stream.standard_normal(fits), stream.standard_normal(fits)
    found = fit(
        Cells(np.zeros(pairs, int), covariate, 1),
        weights,
        weights * outcome,
        centre=slope_centre,
        variance=np.full(fits, 100.0),
        intercept_precision=1.0,
        intercept_centre=centre,
    )
    residual = weights * (outcome - sigmoid(found.intercepts + found.slopes[:, None] * covariate))
    of_intercepts = residual.sum(axis=1) - (found.intercepts[:, 0] - centre)
    of_slopes = residual @ covariate - (found.slopes - slope_centre) / 100
    assert np.abs(of_intercepts).max() < 1e-8
    assert np.abs(of_slopes).max() < 1e-8
