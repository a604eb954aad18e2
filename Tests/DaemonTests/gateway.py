"""A gateway before a provider that follows a script, and what its tests have in common."""

import pytest

from conftest import Daemon
from upstream import Upstream

KEY = "k-7d1f0a93b5e84c2296d3-not-to-be-seen"  # gitleaks:allow
PROVIDERS = ["openai", "anthropic", "gemini"]
PATHS = {"openai": "/responses", "anthropic": "/v1/messages",
         "gemini": "/v1beta/models/gemini-2.5-flash:generateContent"}
BODIES = {"openai": {"model": "gpt-5", "input": "Hi", "max_output_tokens": 100},
          "anthropic": {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": []},
          "gemini": {"contents": [], "generationConfig": {"maxOutputTokens": 100}}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One provider and one daemon for most of the tests here."""
    with Upstream() as upstream:
        daemon = Daemon(tmp_path_factory.mktemp("gateway"), **settings_of(upstream)).start()
        yield daemon, upstream
        daemon.close()


def settings_of(upstream):
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{upstream.url}/v1", "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": upstream.url, "GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": upstream.url,
            "LOG_LEVEL": "trace", "ACCESS_LOG": "true"}


@pytest.fixture
def upstream(shared):
    upstream = shared[1]
    upstream.requests.clear()
    upstream.step = lambda exchange: exchange.answer({})
    return upstream


@pytest.fixture
def daemon(shared):
    return shared[0]


@pytest.fixture
def own_daemon(make_daemon, upstream):
    """A daemon that the test may stop."""
    return make_daemon(**settings_of(upstream))


def token_of(client, **wanted):
    answer = client.post("/api/v1/gateway/tokens", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def token(client):
    return token_of(client)["token"]


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def message_of(provider, answer):
    """The error's text, where the provider's own clients look for it."""
    error = answer.json()["error"]
    if provider == "openai":
        assert set(error) == {"message", "type", "param", "code"}
    elif provider == "anthropic":
        assert answer.json()["type"] == "error" and error["type"]
    else:
        assert error["code"] == answer.status_code and error["status"].isupper()
    return error["message"]
