"""What people see after a run: the page of one run, the page that compares several, and tables for the terminal."""

from quantai.simulation.report.comparison import Comparison, compare_runs, comparison_table
from quantai.simulation.report.comparison_page import write_comparison
from quantai.simulation.report.run_data import RunData, load_run
from quantai.simulation.report.run_page import write_report
from quantai.simulation.report.terminal import summary_table

__all__ = [
    "Comparison",
    "RunData",
    "compare_runs",
    "comparison_table",
    "load_run",
    "summary_table",
    "write_comparison",
    "write_report",
]
