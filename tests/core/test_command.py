"""Command records: compared word by word, stored without loss, of fit words alone."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.command import (
    Command,
    Place,
    check_command,
    check_spec,
    command_digest,
    environment,
    is_variable,
    parse_command,
    plain_command,
)
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.errors import ProfileError

AUTH = Auth("env", "files", "TOKEN")
SPEC = UpstreamSpec(
    "stdio", "", AUTH, 1_000, (), (), ("server", "--root", "/data"), (("MODE", "strict"),)
)
RECORD = Command("keys", "/opt/bin/server", SPEC.command, environment(SPEC))
PLACE = Place("billing", "files")


def test_a_record_of_exactly_the_profile_s_command_counts() -> None:
    assert check_command(RECORD, SPEC, "keys", PLACE) is RECORD
    assert environment(SPEC) == ("MODE=strict", "TOKEN")


@pytest.mark.parametrize(
    ("record", "spec", "root", "named"),
    [
        (None, SPEC, "keys", "is not trusted here"),
        (RECORD, SPEC, "repository x", "trust root"),
        (RECORD, SPEC._replace(command=("server", "--root", "/")), "keys", "command"),
        (RECORD, SPEC._replace(command=("server", "--root")), "keys", "command"),
        (RECORD, SPEC._replace(command=("server", "--root /data")), "keys", "command"),
        (RECORD, SPEC._replace(command=("Server", "--root", "/data")), "keys", "command"),
        (RECORD._replace(argv=("*",)), SPEC, "keys", "command"),
        (RECORD, SPEC._replace(auth=None), "keys", "environment"),
        (RECORD, SPEC._replace(auth=AUTH._replace(name="KEY")), "keys", "environment"),
        (RECORD, SPEC._replace(environment=()), "keys", "environment"),
        (RECORD, SPEC._replace(environment=(("MODE", "lax"),)), "keys", "environment"),
        (RECORD, SPEC._replace(environment=(("MODE", "a"), ("X", "b"))), "keys", "environment"),
    ],
)
def test_s13_anything_else_than_the_trusted_command_is_refused(
    record: Command | None, spec: UpstreamSpec, root: str, named: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        check_command(record, spec, root, PLACE)
    assert caught.value.id == "MCPX-P16"
    assert named in caught.value.why
    assert caught.value.next == "mcp-proxy trust command billing files"


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "path", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"),
        *("PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "BASH_ENV", "ENV", "TMPDIR", "LC_ALL"),
        *("npm_config_registry", "UV_INDEX_URL", "PIP_INDEX_URL", "PERL5LIB", "RUBYOPT"),
        *("GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "EDITOR", "OPENSSL_CONF", "CORECLR_PROFILER"),
        *("BUN_CONFIG_REGISTRY", "YARN_RC_FILENAME", "COREPACK_NPM_REGISTRY", "XDG_CONFIG_HOME"),
        *("", "1A", "A B", "A=B", "A\n", "ÄÖ", "A" * 129),
    ],
)
def test_s13_a_profile_sets_no_variable_that_steers_what_is_loaded(name: str) -> None:
    assert not is_variable(name)
    with pytest.raises(ValueError, match=r"no profile may set"):
        check_spec(SPEC._replace(environment=((name, "x"),)))
    with pytest.raises(ValueError, match=r"no profile may set"):
        check_spec(SPEC._replace(auth=AUTH._replace(name=name)))


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GIT_AUTHOR_NAME", "BUNDLE", "PYTHONUTF8"])
def test_what_only_resembles_such_a_variable_may_be_set(name: str) -> None:
    assert is_variable(name)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC._replace(command=()),
        SPEC._replace(command=("",)),
        SPEC._replace(kind="mcp"),
        SPEC._replace(command=("server", "a\u200bb")),
        SPEC._replace(command=("server", "a\nb")),
        SPEC._replace(command=("server", "a\x1b[2J")),
        SPEC._replace(command=("server", "\0")),
        SPEC._replace(command=("x" * 5_000,)),
        SPEC._replace(command=("x",) * 100),
        SPEC._replace(environment=(("MODE", "a\u202eb"),)),
        SPEC._replace(environment=(("MODE", "a"), ("mode", "b"))),
        SPEC._replace(environment=(("TOKEN", "the constant instead of the secret"),)),
    ],
)
def test_s13_a_command_that_nobody_can_read_is_none(spec: UpstreamSpec) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        check_spec(spec)


def test_the_digest_covers_program_words_and_names() -> None:
    digests = {
        command_digest(record)
        for record in (
            RECORD,
            RECORD._replace(executable="/opt/server"),
            RECORD._replace(argv=("server",)),
            RECORD._replace(environment=("MODE",)),
        )
    }
    assert len(digests) == 4
    assert command_digest(RECORD) == command_digest(RECORD._replace(root="another"))
    text = (
        '{"argv":["server","--root","/data"],"environment":["MODE=strict","TOKEN"],'
        '"executable":"/opt/bin/server"}'
    )
    assert command_digest(RECORD) == hashlib.sha256(text.encode()).hexdigest()


WORDS = st.text(st.characters(exclude_categories=("C",)), max_size=20)


@given(WORDS, st.lists(WORDS), st.lists(WORDS))
def test_a_record_survives_its_stored_form(
    text: str, argv: list[str], environment: list[str]
) -> None:
    record = Command("keys", f"/{text}", tuple(argv), tuple(environment))
    assert parse_command(plain_command(record)) == record


@pytest.mark.parametrize(
    "change",
    [{"root": ""}, {"root": 1}, {"executable": ""}, {"argv": "x"}, {"argv": [1]}, {"more": 1}],
)
def test_a_stored_form_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_command({**plain_command(RECORD), **change})
