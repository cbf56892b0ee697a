"""The data class of a request: the strictest of what its key and its header say."""

from homeport.core.errors import InvalidRequest
from homeport.core.types import DataClass

HEADER = "x-homeport-data-class"


def classify(key_class: DataClass, header: str | None) -> DataClass:
    """A header can make a request private, never open: the key's class is the floor.

    Raises:
        InvalidRequest: the header is not a data class. Guessing could let private data out.
    """
    if header is None:
        return key_class
    try:
        asked = DataClass(header.strip().lower())
    except ValueError as error:
        raise InvalidRequest(
            f"the header {HEADER} must be one of: {', '.join(DataClass)}",
            code="invalid_data_class",
            param=HEADER,
        ) from error
    return DataClass.PRIVATE if DataClass.PRIVATE in (asked, key_class) else DataClass.OPEN
