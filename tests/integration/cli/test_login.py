"""Logging in and out, at a terminal and without one."""

import json
import stat

import pexpect

from tests.data import SAMPLE
from wattgate.cli.failures import Exit


def test_login_asks_for_server_user_and_password_and_the_next_command_needs_none(person, running):
    demo = running.demo
    login = person.types("login", "--ca-file", demo["ca_file"])
    login.expect("Server.*: ")
    login.sendline(demo["https"])
    login.expect("User: ")
    login.sendline(demo["username"])
    login.expect(f"Password of {demo['username']}: ")
    login.sendline(demo["password"])
    login.expect(pexpect.EOF)
    assert demo["password"] not in login.before
    assert f"Logged in to {demo['https']} as demo until" in login.before
    assert "(15 minutes). Next: wattgate forecast FILE" in login.before
    login.close()
    assert login.exitstatus == Exit.OK
    forecast = person.runs("forecast", SAMPLE)
    assert forecast.returncode == Exit.OK, forecast.stderr


def test_a_login_is_readable_by_its_owner_alone_and_has_no_password(known, running):
    assert stat.S_IMODE(known.logins.stat().st_mode) == 0o600
    assert stat.S_IMODE(known.logins.parent.stat().st_mode) == 0o700
    text = known.logins.read_text()
    assert running.demo["password"] not in text
    (login,) = json.loads(text)
    assert login["server"] == running.demo["https"]
    assert login["username"] == "demo"
    assert [file.name for file in known.logins.parent.iterdir()] == ["logins.json"]


def test_logout_forgets_the_token(known):
    answer = known.runs("logout")
    assert (answer.returncode, "Logged out of https://localhost" in answer.stdout) == (Exit.OK, True)
    assert json.loads(known.logins.read_text()) == []
    assert known.runs("logout").stdout == "You are not logged in.\n"


def test_a_wrong_password_is_said_and_nothing_is_kept(person, running):
    demo = running.demo
    answer = person.runs(
        *("login", "--server", demo["https"], "--ca-file", demo["ca_file"]),
        *("--username", "eve", "--password-stdin"),
        stdin="wrong",
    )
    assert answer.returncode == Exit.LOGIN
    assert "Incorrect username or password" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not person.logins.exists()


def test_without_a_terminal_login_says_what_to_give(person, running):
    answer = person.runs("login", "--server", running.demo["https"], "--ca-file", running.demo["ca_file"])
    assert answer.returncode == Exit.USAGE
    assert "--username" in answer.stderr
    answer = person.runs(
        "login", "--server", running.demo["https"], "--ca-file", running.demo["ca_file"], "--username", "ada"
    )
    assert answer.returncode == Exit.USAGE
    assert "--password-stdin" in answer.stderr


def test_a_login_that_ran_out_is_said_without_a_terminal(known):
    known.runs_out()
    answer = known.runs("forecast", SAMPLE)
    assert answer.returncode == Exit.LOGIN
    assert "The login of demo at https://localhost" in answer.stderr
    assert "wattgate login" in answer.stderr
    assert answer.stdout == ""


def test_a_token_that_is_refused_is_said_without_a_terminal(known):
    known.breaks_tokens()
    answer = known.runs("forecast", SAMPLE, SAMPLE)
    assert answer.returncode == Exit.LOGIN
    assert "Could not validate credentials" in answer.stderr


def test_at_a_terminal_the_password_is_asked_for_again_and_the_command_goes_on(known, running):
    for ends, why in ((known.runs_out, "ran out"), (known.breaks_tokens, "Could not validate")):
        ends()
        forecast = known.types("forecast", SAMPLE, "--model", "gru")
        forecast.expect(why)
        forecast.expect("Password of demo: ")
        forecast.sendline(running.demo["password"])
        forecast.expect("gru, version 1")
        forecast.expect(pexpect.EOF)
        forecast.close()
        assert forecast.exitstatus == Exit.OK
        assert known.runs("models").returncode == Exit.OK  # the new login is kept


def test_who_never_logged_in_is_asked_for_a_name_too(person, running):
    demo = running.demo
    models = person.types("models", "--server", demo["https"], "--ca-file", demo["ca_file"])
    models.expect("You are not logged in")
    models.expect("User: ")
    models.sendline(demo["username"])
    models.expect("Password of demo: ")
    models.sendline(demo["password"])
    models.expect(r"cnn \(default\)")
    models.expect(pexpect.EOF)


def test_a_token_of_the_environment_needs_no_login(person, running):
    demo = running.demo
    named = {"WATTGATE_SERVER": demo["https"], "WATTGATE_CA_FILE": demo["ca_file"]}
    answer = person.runs("models", **named, WATTGATE_TOKEN=running.login())
    assert answer.returncode == Exit.OK, answer.stderr
    answer = person.runs("models", **named, WATTGATE_TOKEN="not.a.token")
    assert answer.returncode == Exit.LOGIN
    answer = person.runs("models", **named)
    assert answer.returncode == Exit.LOGIN
    assert "You are not logged in" in answer.stderr
