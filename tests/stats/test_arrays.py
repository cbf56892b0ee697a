"""The names of arrays are there without numpy."""

import subprocess
import sys


def test_importing_them_imports_no_numpy() -> None:
    asked = "import sys, homeport.stats.arrays; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
