import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The package's rules, the tests' scenarios and the directives that show them.
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "syzygy-like"
author = "syzygy-like contributors"
copyright = "2026, syzygy-like contributors"
html_theme = "furo"
html_title = "syzygy-like"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]
exclude_patterns = ["_build"]
extensions = ["living"]
