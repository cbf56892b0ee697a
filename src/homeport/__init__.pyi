from homeport.bootstrap.engine_api import Engine as Engine
from homeport.bootstrap.engine_api import Generated as Generated

__version__: str
__all__ = ["Engine", "Generated", "__version__"]
