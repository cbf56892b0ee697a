"""Write src/homeport/console/static/vega.min.js: Vega-Lite for browsers, as vl-convert-python bundles it.

Usage: python tools/vega.py
"""

import hashlib
import sys
from pathlib import Path

STATIC = Path(__file__).parents[1] / "src/homeport/console/static"


def bundle() -> str:
    """The script. In a function, so that its names stay its own."""
    import vl_convert

    made = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    versions = f"vega {vl_convert.get_vega_version()}, vega-embed {vl_convert.get_vega_embed_version()}"
    return f"/*! {versions}, vega-lite; licences: LICENSE.vega */\n(()=>{{{made}}})();\n"


def main() -> int:
    script = bundle().encode()
    (STATIC / "vega.min.js").write_bytes(script)
    print(hashlib.sha256(script).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
