"""Whether a folder lies on a file system of the network, where locks may not hold (S23).

Known on Linux alone; elsewhere no folder is told to.
"""

import contextlib
import os

_MOUNTS = "/proc/self/mountinfo"
_MOUNTS_BYTES = 4 << 20
_KINDS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "virtiofs"}
)
_FUSE_KINDS = frozenset(
    {"afp", "curlftpfs", "davfs", "davfs2", "gcsfuse", "glusterfs", "gvfsd-fuse", "mfs"}
    | {"moosefs", "rclone", "s3fs", "smbnetfs", "sshfs"}
)


def network_kind(folder: str, mounts: str = _MOUNTS) -> str:
    """The kind of the network's file system that the folder lies on, as mounted; "" for none."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}" if os.name == "posix" else ""
    for words in _mounted(mounts):
        # After the optional fields, which a single "-" ends, comes the kind.
        if words[2:3] == [wanted] and "-" in words[6:-1]:
            kind = words[words.index("-", 6) + 1]
            return kind if _is_network(kind) else ""
    return ""


def _mounted(mounts: str) -> list[list[str]]:
    with contextlib.suppress(OSError), open(mounts, "rb") as file:
        lines = file.read(_MOUNTS_BYTES).decode(errors="replace").split("\n")
        return [line.split(" ") for line in lines]
    return []


def _is_network(kind: str) -> bool:
    return kind in _KINDS or (kind.startswith("fuse.") and kind[5:] in _FUSE_KINDS)
