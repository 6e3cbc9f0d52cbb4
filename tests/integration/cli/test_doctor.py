"""`wattgate doctor` finds what is wrong on the way to a forecast, and says what to do."""

import pytest

from services.local.ports import free_ports
from tests.integration.client.silent import silent
from tests.integration.gateway.certificates import LOCAL, Signed
from wattgate import __version__
from wattgate.cli.failures import Exit


def findings(answer):
    """State and words by name, of the lines of the table."""
    found, name = {}, ""
    for line in answer.stdout.splitlines():
        if line.startswith("│"):
            cells = [cell.strip() for cell in line.strip("│").split("│")]
            name = cells[0] or name
            state, *words = found.get(name, ("",))
            found[name] = (state or cells[1], *words, *cells[2:])
    return {name: (state, " ".join(words).strip()) for name, (state, *words) in found.items()}


def test_where_all_is_well_it_says_so(known, running):
    answer = known.runs("doctor", WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.OK, answer.stdout
    found = findings(answer)
    assert {state for state, _ in found.values()} == {"ok"}
    assert list(found) == [
        "gateway", "reached", "certificate", "clock", "ready", "login", "gRPC", "versions", "model",
    ]  # fmt: skip
    assert "the last login" in found["gateway"][1]
    assert "more days" in found["certificate"][1]
    assert "as demo, for 14 more minutes" in found["login"][1].replace("15", "14")
    assert f"client {__version__}, gateway {__version__}" in found["versions"][1]
    assert "gru, version 1: 672 steps in, 8 out" in answer.stdout


def test_in_the_folder_of_a_pair_it_needs_nothing(person, running, tmp_path):
    (tmp_path / "var").symlink_to(running.folder)
    answer = person.runs("doctor")
    assert answer.returncode == Exit.OK, answer.stdout


def test_where_nobody_listens(person):
    answer = person.runs("doctor", "--server", f"https://localhost:{free_ports().https}")
    assert answer.returncode == Exit.UNREACHABLE
    assert findings(answer)["reached"][0] == "fail"
    assert "refused" in answer.stdout


def test_a_name_that_there_is_not(person):
    answer = person.runs("doctor", "--server", "https://gateway.invalid")
    assert answer.returncode == Exit.UNREACHABLE
    assert findings(answer)["reached"][0] == "fail"


def test_a_certificate_of_an_authority_that_is_not_trusted(known, home):
    answer = known.runs("doctor", "--ca-file", home.ca_file)
    assert answer.returncode == Exit.UNREACHABLE
    state, words = findings(answer)["certificate"]
    assert state == "fail"
    assert "--ca-file" in words


def test_a_login_that_ran_out(known, running):
    known.runs_out()
    answer = known.runs("doctor", WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.LOGIN
    found = findings(answer)
    assert found["login"][0] == "fail"
    assert "wattgate login --server" in found["login"][1]
    assert found["gRPC"] == ("ok", f"{running.demo['grpc']} answers, and asks for a login")
    assert "versions" not in found


def test_a_token_that_is_refused(known, running):
    known.breaks_tokens()
    answer = known.runs("doctor", WATTGATE_GRPC=running.demo["grpc"])
    assert answer.returncode == Exit.LOGIN
    assert "Could not validate credentials" in findings(answer)["login"][1]


def test_a_grpc_edge_elsewhere_is_a_warning(known):
    answer = known.runs("doctor", WATTGATE_GRPC="localhost:1")
    assert answer.returncode == Exit.OK
    state, words = findings(answer)["gRPC"]
    assert state == "warn"
    assert "WATTGATE_GRPC" in words


@pytest.mark.parametrize(
    ("names", "has_expired", "state", "says"),
    [
        (LOCAL, False, "warn", "good for 0 more days its operator has to renew it"),
        (LOCAL, True, "fail", "has expired"),
        (("gateway.example",), False, "fail", "name it as its certificate does"),
    ],
)
def test_what_is_wrong_with_a_certificate(person, tmp_path, names, has_expired, state, says):
    authority = Signed.authority("an authority")
    signed = authority.sign(names, has_expired=has_expired)
    for file, content in (("ca", authority.pem), ("certificate", signed.pem), ("key", signed.key)):
        (tmp_path / f"{file}.pem").write_bytes(content)
    with silent(tmp_path / "certificate.pem", tmp_path / "key.pem") as address:
        answer = person.runs("doctor", "--server", f"https://{address}", "--ca-file", tmp_path / "ca.pem")
    found = findings(answer)["certificate"]
    assert found[0] == state
    assert says in found[1]
    assert answer.returncode == Exit.UNREACHABLE  # it says nothing but that
