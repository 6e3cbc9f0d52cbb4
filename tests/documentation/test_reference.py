"""The reference names all there is, and what is not described where it is defined does not get in."""

import doctest
import re
from typing import get_args

import pytest

from docs.reference import command, errors, markdown, protos, rest, schemas, settings
from docs.reference.markdown import UndescribedError
from pipelines.errors import RULES, Rule
from services.core.errors import ServiceError, TooLargeError
from services.gateway import policy
from services.gateway.settings import Settings, TrustedIssuer


@pytest.mark.parametrize("module", [markdown, schemas])
def test_examples_in_the_code_are_true(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.fixture(scope="session")
def page(reference):
    return lambda name: (reference / f"{name}.md").read_text()


def test_every_route_and_every_rpc_is_named(page):
    for call in policy.RULES:
        assert f"`{call}`" in page("service" if call.startswith("/") else "routes")


def test_every_setting_is_named(page):
    for name in Settings.model_fields:
        assert f"| `GATEWAY_{name.upper()}` |" in page("settings")
    for name in TrustedIssuer.model_fields:
        assert f"| `{name}` |" in page("trusted-issuer")


def test_every_command_is_named_with_its_options(page):
    named = dict(command.commands(command.whole(), command.NAME))
    assert len(named) > 15
    del named[command.NAME]  # the page itself
    for name, each in named.items():
        section = re.search(rf"^#+ `{name}`$(.*?)(?=^#|\Z)", page("command"), re.M | re.S)[1]
        for parameter in each.params:
            assert max(parameter.opts, key=len) in section


def test_every_error_and_every_rule_is_named(page):
    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    for error in below(ServiceError) - {ServiceError}:
        assert f"`{error.reason}`" in page("errors")
    assert RULES.keys() == set(get_args(Rule))
    for rule in RULES:
        assert f"| `{rule}` |" in page("rules")


def a_route(_monkeypatch):
    document = rest.openapi()
    del document["paths"]["/readyz"]["get"]["description"]
    return "GET /readyz", lambda: rest.routes(document)


def a_route_for_browsers(monkeypatch):
    monkeypatch.setitem(policy.RULES, "GET /new", policy.Rule(policy.OPEN))
    return "GET /new", lambda: rest.routes(rest.openapi())


def an_rpc(_monkeypatch):
    proto = protos.compiled()
    for location in proto.file.source_code_info.location:
        if list(location.path) == [protos.SERVICE, 0, protos.METHOD, 0]:
            location.leading_comments = ""
    return "ForecastService/Forecast", lambda: protos.service(protos.Proto(proto.file))


def an_rpc_of_others(monkeypatch):
    monkeypatch.setitem(policy.RULES, "/another.Service/Call", policy.Rule(policy.ADMIN))
    return "/another.Service/Call", lambda: protos.service(protos.compiled())


def a_command(monkeypatch):
    whole = command.whole()
    dict(command.commands(whole, command.NAME))["wattgate users add"].help = None
    monkeypatch.setattr(command, "whole", lambda: whole)
    return "wattgate users add", command.command_tree


def an_option(monkeypatch):
    whole = command.whole()
    dict(command.commands(whole, command.NAME))["wattgate serve"].params[0].help = None
    monkeypatch.setattr(command, "whole", lambda: whole)
    return "wattgate serve https_port", command.command_tree


def a_setting(monkeypatch):
    class More(Settings):
        new: int = 1

    monkeypatch.setattr(settings, "Settings", More)
    return "GATEWAY_NEW", settings.settings


def an_error(monkeypatch):
    monkeypatch.setattr(TooLargeError, "__doc__", None)
    return "TOO_LARGE", errors.errors


def a_rule(monkeypatch):
    monkeypatch.setitem(RULES, "gap", "")
    return "gap", errors.rules


@pytest.mark.parametrize(
    "without_words",
    [
        a_route,
        a_route_for_browsers,
        an_rpc,
        an_rpc_of_others,
        a_command,
        an_option,
        a_setting,
        an_error,
        a_rule,
    ],
)
def test_what_has_no_description_is_refused_by_name(monkeypatch, without_words):
    name, make = without_words(monkeypatch)
    with pytest.raises(UndescribedError, match=f"{name} has no description"):
        make()
