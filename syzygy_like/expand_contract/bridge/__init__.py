"""The state of models that two versions of the code can both run on."""

from syzygy_like.expand_contract.bridge.common_state import (
    Bridge,
    NoBridgeError,
    Versions,
    bridge,
    mutual_problems,
)
from syzygy_like.expand_contract.bridge.relaxing import FieldKey, OneOffs

__all__ = [
    "Bridge",
    "FieldKey",
    "NoBridgeError",
    "OneOffs",
    "Versions",
    "bridge",
    "mutual_problems",
]
