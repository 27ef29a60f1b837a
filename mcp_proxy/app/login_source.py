"""Logins that a profile's source names: its publisher's, who captures a gateway's listing by them.

Loaded by the first file that is named in place of a profile, for it reads with the workshop.
"""

from mcp_proxy.app.login_place import LoginPlace
from mcp_proxy.core.profile import OAuth
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import root_of
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.source import read_source
from mcp_proxy.workshop.upstreams import upstream_spec


def source_places(home: Home, path: str) -> list[LoginPlace]:
    """The upstreams of a source that are logged in to, in its order, on the grounds of a capture.

    Raises:
        SourceError: the source or an upstream of it is wrong.
    """
    source = read_source(path)
    name = source.profile.profile
    grounds = Grounds(name, root_text(root_of(home, name)))
    places = []
    for upstream, block in source.profile.upstreams.items():
        try:
            spec = upstream_spec(block)
        except Wrong as wrong:
            keys = ("upstreams", upstream, *wrong.path)
            source.refuse(keys, f"{'.'.join(map(str, keys))}: {wrong}")
        if isinstance(spec.auth, OAuth):
            places.append(LoginPlace(grounds, upstream, spec, spec.auth, path))
    return places
