"""Networks that measures look through: other people's, imported once, and kept in the folder of models.

``kinds`` says which there are, how each is recognised and where it is published; ``importing`` turns a published file
into one of ours; ``installed`` finds it again. No torch at import.
"""

from .installed import MeasuringNetwork, find_network, installed_networks, load_network, remove_network
from .kinds import NETWORKS, NetworkKind, network_kind

__all__ = [
    "NETWORKS",
    "MeasuringNetwork",
    "NetworkKind",
    "find_network",
    "installed_networks",
    "load_network",
    "network_kind",
    "remove_network",
]
