"""The error tree, by whose fault; ids, exit codes and next commands stand in one catalog.

Imports nothing, so that every floor can raise from it. `CATALOG` also makes the README's table.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """One line of the error table: what happened in general, and the command that mends it."""

    what: str
    next: str


CATALOG: dict[str, Entry] = {
    # profile
    "MCPX-P01": Entry("the profile is not signed", "mcp-proxy profile sign SOURCE.yaml"),
    "MCPX-P02": Entry("a signature does not fit the bytes", "mcp-proxy profile install FILE"),
    "MCPX-P03": Entry(
        "signed by a key that is not trusted here", "mcp-proxy trust add KEY-LINE --profiles NAMES"
    ),
    "MCPX-P04": Entry(
        "the signer may not sign this profile name", "mcp-proxy trust add KEY-LINE --profiles NAME"
    ),
    "MCPX-P05": Entry("signed, but not an mcp-proxy profile", "mcp-proxy profile verify FILE"),
    "MCPX-P06": Entry("the profile has expired", "mcp-proxy profile install FILE"),
    "MCPX-P07": Entry("older than a version seen here before", "mcp-proxy profile install FILE"),
    "MCPX-P08": Entry(
        "same version as one seen before, other bytes", "raise `version` and sign again"
    ),
    "MCPX-P09": Entry("needs a newer mcp-proxy", "update mcp-proxy"),
    "MCPX-P10": Entry("the file is damaged or malformed", "mcp-proxy profile install FILE"),
    "MCPX-P11": Entry("no such profile is installed", "mcp-proxy profile list"),
    "MCPX-P12": Entry("the file holds a profile of another name", "mcp-proxy profile install FILE"),
    "MCPX-P13": Entry("installed without its version record", "mcp-proxy profile install FILE"),
    "MCPX-P14": Entry("comes from another trust root", "mcp-proxy profile show NAME"),
    "MCPX-P15": Entry("the trust store is damaged", "mcp-proxy trust list"),
    "MCPX-P16": Entry(
        "a local server's command is not trusted here", "mcp-proxy trust command PROFILE UPSTREAM"
    ),
    "MCPX-P17": Entry(
        "another version than the one pinned here", "mcp-proxy profile install NAME@VERSION"
    ),
    "MCPX-P18": Entry(
        "from a repository that is not trusted here for this name",
        "mcp-proxy trust add-repository URL --root root.json",
    ),
    "MCPX-P19": Entry("withdrawn by its repository", "mcp-proxy profile update NAME"),
    "MCPX-P20": Entry(
        "not signed by a key that its repository lists for it", "mcp-proxy profile update NAME"
    ),
    "MCPX-P21": Entry(
        "what its repository said of it has expired (freeze)", "mcp-proxy profile update NAME"
    ),
    "MCPX-P22": Entry("the repository went back to an older state", "tell the publisher"),
    "MCPX-P23": Entry(
        "the repository's files do not fit together (mix and match)", "tell the publisher"
    ),
    "MCPX-P24": Entry("the repository's metadata lack valid signatures", "tell the publisher"),
    "MCPX-P25": Entry(
        "the target's bytes are not those that were signed for", "tell the publisher"
    ),
    "MCPX-P26": Entry(
        "the repository does not list or delegate this profile", "mcp-proxy trust list"
    ),
    "MCPX-P27": Entry("the repository sent more than it may", "tell the publisher"),
    "MCPX-P28": Entry("older than its repository lets anyone pin", "mcp-proxy profile update NAME"),
    "MCPX-P29": Entry("the machine's administrator does not allow it", "mcp-proxy doctor"),
    "MCPX-P30": Entry(
        "python-tuf, which repositories need, is not installed",
        "uv tool install '/path/to/this/checkout[tuf]'",
    ),
    # home and files
    "MCPX-H01": Entry("MCP_PROXY_HOME was not made on this machine", "mcp-proxy home init DIR"),
    "MCPX-H02": Entry("a file or folder is not safe to use", "mcp-proxy doctor"),
    "MCPX-H03": Entry("local state cannot be read or written", "mcp-proxy doctor"),
    "MCPX-H04": Entry("state.db is missing, replaced or damaged", "mcp-proxy doctor --fix"),
    # publisher's source
    "MCPX-B01": Entry("the profile source is not right", "mcp-proxy profile build SOURCE.yaml"),
    "MCPX-B02": Entry("the API document is not right", "mcp-proxy profile build SOURCE.yaml"),
    "MCPX-B03": Entry("this version does not enforce it", "update mcp-proxy or take it out"),
    # publisher's repository
    "MCPX-T01": Entry(
        "the folder is no profile repository, or a damaged one", "mcp-proxy repository show DIR"
    ),
    "MCPX-T02": Entry(
        "a role of the repository lacks signatures", "repeat the command with --key for each key"
    ),
    # credentials
    "MCPX-C01": Entry("the credential is missing", "mcp-proxy credential set NAME --origin URL"),
    "MCPX-C02": Entry("the keychain does not answer or is locked", "mcp-proxy doctor"),
    "MCPX-C03": Entry(
        "the credential may not be used by this profile",
        "mcp-proxy credential allow NAME --profile PROFILE",
    ),
    "MCPX-C04": Entry(
        "the credential is bound to another origin or use",
        "mcp-proxy credential set NAME --origin URL",
    ),
    "MCPX-C05": Entry("a login is required", "mcp-proxy login PROFILE"),
    "MCPX-C06": Entry("the login's scopes do not suffice", "mcp-proxy login PROFILE --scope SCOPE"),
    "MCPX-C07": Entry(
        "what the authorization server or the resource says of itself cannot be relied on",
        "tell the publisher",
    ),
    "MCPX-C08": Entry(
        "the authorization server refused, or did not answer", "mcp-proxy login PROFILE"
    ),
    "MCPX-C09": Entry("the vault is locked or damaged", "mcp-proxy doctor"),
    "MCPX-C10": Entry("what a credential needs is not installed", "mcp-proxy doctor"),
    # decisions on a call
    "MCPX-D01": Entry("the arguments do not fit the tool's schema", "correct the arguments"),
    "MCPX-D02": Entry("the profile's policy forbids the call", "mcp-proxy profile show NAME"),
    "MCPX-D03": Entry("the call needs a person's approval", "mcp-proxy approve"),
    "MCPX-D04": Entry("too many calls at once", "wait for a call to end"),
    "MCPX-D05": Entry("the profile does not name this tool", "mcp-proxy profile show NAME"),
    "MCPX-D06": Entry(
        "the upstream declares the tool otherwise than it did for the profile",
        "mcp-proxy profile drift NAME",
    ),
    "MCPX-D07": Entry("what the upstream declares could not be checked", "mcp-proxy doctor"),
    "MCPX-D08": Entry(
        "the upstream asked for what it may not ask for", "mcp-proxy profile show NAME"
    ),
    "MCPX-D09": Entry("the request state is none that was given here", "make the request again"),
    "MCPX-D10": Entry(
        "the upstream keeps the tool from a client that can do so little",
        "mcp-proxy profile show NAME",
    ),
    "MCPX-D11": Entry("a person has paused the profile or the tool", "mcp-proxy resume PROFILE"),
    "MCPX-D12": Entry("a person has denied the call", "ask the person to do it another way"),
    "MCPX-D13": Entry("a limit of the profile is reached", "wait, or do less"),
    "MCPX-D14": Entry("a constraint of the profile forbids the call", "correct the arguments"),
    "MCPX-D15": Entry("an argument holds what looks like a secret", "take the secret out"),
    "MCPX-D16": Entry("counters and approvals cannot be used", "mcp-proxy doctor --fix"),
    # upstream
    "MCPX-U01": Entry("the upstream cannot be reached", "mcp-proxy doctor"),
    "MCPX-U02": Entry("the deadline passed", "try again, or ask for less"),
    "MCPX-U03": Entry("the upstream answered with an error", "read the message"),
    "MCPX-U04": Entry("the upstream redirected; redirects are not followed", "mcp-proxy doctor"),
    "MCPX-U05": Entry("the upstream's answer breaks its protocol", "mcp-proxy doctor"),
    "MCPX-U06": Entry("the upstream is busy", "wait, then try again"),
    # results
    "MCPX-R01": Entry("the answer is too large", "narrow the arguments"),
    "MCPX-R02": Entry("the answer does not fit the profile's schema", "tell the publisher"),
    "MCPX-R03": Entry("the answer is of a type the profile does not list", "tell the publisher"),
    "MCPX-R04": Entry(
        "the answer holds what reads like instructions to the model", "tell the person"
    ),
    # audit
    "MCPX-A01": Entry("the audit log cannot be written", "mcp-proxy doctor"),
    "MCPX-A02": Entry("the audit log is damaged", "mcp-proxy audit verify"),
    # ours
    "MCPX-I01": Entry("an internal error", "report it with the text on stderr"),
    "MCPX-W01": Entry("wrong usage", "mcp-proxy --help"),
}


class McpProxyError(Exception):
    """A breakdown: `id` names its catalog entry, `why` is a whole sentence, `next` a command."""

    exit_code = 1

    def __init__(self, id: str, why: str, next: str | None = None) -> None:  # noqa: A002
        """`next` replaces the catalog's command where the exact one is known."""
        super().__init__(why)
        self.id = id
        self.why = why
        self.next = CATALOG[id].next if next is None else next

    def __str__(self) -> str:
        """`why (id)`; the next command is shown by whoever prints it."""
        return f"{self.why} ({self.id})"


class UsageError(McpProxyError):
    """The person at the keyboard asked for something that cannot be."""

    exit_code = 2


class ProfileError(McpProxyError):
    """The profile is not trusted."""

    exit_code = 3


class HomeError(McpProxyError):
    """The local folders or files are not usable."""

    exit_code = 3


class SourceError(McpProxyError):
    """The publisher's source or API document is wrong."""

    exit_code = 1


class CredentialError(McpProxyError):
    """A secret is missing, locked, or bound elsewhere."""

    exit_code = 4


class AuditError(McpProxyError):
    """The log could not be written or is damaged."""

    exit_code = 5


class UpstreamError(McpProxyError):
    """The upstream is out of reach or broke its protocol."""

    exit_code = 6
