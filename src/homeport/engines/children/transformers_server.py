"""The child of the transformers adapter."""

from homeport.engines.children.asked import Defaults
from homeport.engines.children.folder import ready_folder, say
from homeport.engines.children.model import Model
from homeport.engines.children.server import Served, Server
from homeport.engines.children.start import end_with_input, read_launch


def main() -> None:
    """Load the model, then answer until standard input ends."""
    launch = read_launch()
    end_with_input()
    deterministic = launch["deterministic"]
    folder = ready_folder(launch["folder"])
    model = Model(folder, dtype=launch["dtype"], threads=launch["threads"], deterministic=deterministic)
    served = Served(
        model=model,
        names=tuple(launch["names"]),
        token=launch["token"],
        slots=launch["slots"],
        context=launch["context"],
        defaults=Defaults(temperature=0.0, seed=0) if deterministic else Defaults(),
    )
    with Server(launch["port"], served) as server:
        say(f"serving {launch['names'][0]} at http://127.0.0.1:{launch['port']}")
        server.serve_forever()
