"""Estimates with their intervals, as cells of a table."""

from homeport.stats.ranking import Estimate, Figures


def cells(figures: Figures) -> tuple[str, str, str]:
    """APGR, CPT50 and CPT80."""
    return cell(figures.apgr, 3), cell(figures.cpt50, 1), cell(figures.cpt80, 1)


def cell(estimate: Estimate, digits: int) -> str:
    """The value, and in brackets the bounds."""
    return f"{estimate.value:.{digits}f} \\[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
